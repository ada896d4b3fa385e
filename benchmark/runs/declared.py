"""The runs that params.yaml declares: their specifications before, their results after."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from benchmark.common.code import code_sha256
from benchmark.common.errors import InputError
from benchmark.common.files import read_json, sha256_json, write_json
from benchmark.common.terms import SPLITS, Arm, Size
from benchmark.data.manifest import Row
from benchmark.data.packs import PACKS, PackSpec, open_pack, pack_specs
from benchmark.runs.environment import settled
from benchmark.runs.epochs import epochs_of
from benchmark.runs.spec import _SHOWN, RUNS, DataSummary, Objective, Record, RunResult, RunSpec
from benchmark.runs.systems import describe_system
from benchmark.settings.params import Params
from models.losses.registry import LOSSES
from models.settings import Cells
from models.weights_file import identified

log = logging.getLogger(__name__)

CODE = ("benchmark/training", "benchmark/scoring", "benchmark/images/colour_normalisation", "models")
"""The folders that determine a run, with all that they import."""
LIBRARIES = ("torch", "timm", "numpy", "opencv-python-headless", "scikit-learn")
"""Those whose versions determine it, too."""


def data_sha256(manifest: list[Row]) -> str:
    """Identity of a data set: what it holds, not where it lies."""
    return sha256_json([[r.image_id, r.patient, r.eye, r.grade, r.split, r.sha256] for r in manifest])


def declare(params: Params, manifest: list[Row]) -> list[RunSpec]:
    """Every run that is declared, in declared order; what a run starts from is known by its own specification."""
    known: dict[Arm, list[RunSpec]] = {}

    def specs(arm: Arm) -> list[RunSpec]:
        if arm not in known:
            parent = params.arm(*arm).parent
            parents = [spec.key for spec in specs(Arm.parse(parent))] if parent else None
            known[arm] = describe(params, *arm, manifest, parents)
        return known[arm]

    declared = [spec for stage, arms in params.arms.items() for name in arms for spec in specs(Arm(stage, name))]
    for system in params.systems:
        declared += describe_system(params, system, manifest, summary(params, manifest), prepared, code())
    return declared


def summary(params: Params, manifest: list[Row]) -> DataSummary:
    """The data set of every run."""
    counts = Counter(row.split for row in manifest)
    return DataSummary(
        name=params.data.name,
        source=params.data.source,
        synthetic=params.data.synthetic,
        manifest_sha256=data_sha256(manifest),
        **{split: counts[split] for split in SPLITS},
    )


def code() -> str:
    """Identity of the code and the libraries that determine every run."""
    return code_sha256(*CODE, libraries=LIBRARIES)


def describe(
    params: Params, stage: str, name: str, manifest: list[Row], parents: Sequence[str] | None = None
) -> list[RunSpec]:
    """The runs of an arm, one per seed.

    Args:
        params: all parameters.
        stage: the method.
        name: the arm.
        manifest: the data set.
        parents: keys of the runs that they start from, seed by seed; by default those of the finished ones.

    Raises:
        InputError: there is no such arm, its parent has not been trained, or its weights are not there.
    """
    arm = params.arm(stage, name)
    model = identified(params.model)
    if arm.parent and parents is None:
        parents = [read_result(RUNS / arm.parent / str(seed)).key for seed in params.seeds]
    spec = RunSpec(
        stage=stage,
        arm=name,
        seed=0,
        objective=Objective(
            name=arm.objective, parameters={**LOSSES[arm.objective].defaults, **params.objectives[arm.objective]}
        ),
        heads=list(LOSSES[arm.objective].heads),
        size=arm.size,
        pixels=params.sizes.of(arm.size),
        level=arm.level,
        parent=arm.parent,
        parent_key="",
        data=summary(params, manifest),
        prepared=prepared(params, arm.size),
        # Without cells a network does not depend on how they are made.
        model=model if arm.level > 1 else model.model_copy(update={"cells": Cells()}),
        train=settled(params.train).model_copy(update={"epochs": epochs_of(params, stage, name), "workers": 0}),
        code_sha256=code(),
    )
    return [
        spec.model_copy(update={"seed": seed, "parent_key": parent}).keyed()
        for seed, parent in zip(params.seeds, parents or [""] * len(params.seeds), strict=True)
    ]


def prepared(params: Params, size: Size) -> PackSpec:
    """How the images at a size were made: as the packs that lie here say, else as they are declared."""
    path = PACKS / size / "train.arrow"
    return open_pack(path).spec if path.exists() else pack_specs(params.sizes, params.prepare)[size]


def read_result(folder: Path) -> RunResult:
    """Read a finished run's ``run.json``.

    Raises:
        InputError: there is no finished run, or another version of the code wrote it.
    """
    path = folder / "run.json"
    if not path.exists():
        msg = f"{folder} must hold a finished run, but has no run.json: train it first with `dvc repro`"
        raise InputError(msg)
    try:
        return RunResult.model_validate(read_json(path))
    except ValueError as error:
        msg = f"{path} must describe a finished run of this version, but does not: train it again with `dvc repro`"
        raise InputError(msg) from error


def read_record(path: Path) -> Record:
    """Read what a run took.

    Raises:
        InputError: the file is not as it was written.
    """
    try:
        return Record.model_validate(read_json(path))
    except ValueError as error:
        msg = f"{path} must record what a run took, but does not: remove it, or train the run again with `dvc repro`"
        raise InputError(msg) from error


def runs_hash(keys: Iterable[str]) -> str:
    """How tables name some runs, by their keys in the order of their seeds."""
    return sha256_json(list(keys))[:_SHOWN]


def write_spec(spec: RunSpec, folder: Path) -> None:
    """Write ``run.json``, of a run in progress or, as a :class:`RunResult`, of a finished one."""
    write_json(folder / "run.json", spec.model_dump(mode="json", by_alias=True))


def find_runs(params: Params) -> Iterator[RunResult]:
    """Finished runs of the declared arms and seeds, in their declared order.

    Raises:
        InputError: a run is not what params.yaml declares under its name.
    """
    for (stage, name), seeds in params.declared():
        present = [seed for seed in seeds if (RUNS / stage / name / str(seed)).exists()]
        if absent := [str(seed) for seed in seeds if seed not in present]:
            log.warning("%s/%s is not run for seed %s: its cells say so", stage, name, ", ".join(absent))
        for seed in present:
            run = read_result(RUNS / stage / name / str(seed))
            _check_name(params, Arm(stage, name), seed, run)
            yield run


def by_arm(results: Iterable[RunResult]) -> dict[Arm, list[RunResult]]:
    """Runs of each arm, both in the order given."""
    found: dict[Arm, list[RunResult]] = {}
    for result in results:
        found.setdefault(Arm(result.stage, result.arm), []).append(result)
    return found


def _check_name(params: Params, place: Arm, seed: int, run: RunResult) -> None:
    """Refuse a run that is another than the one declared under its name."""
    declared: tuple[object, ...] = (*place, seed)
    found: tuple[object, ...] = (run.stage, run.arm, run.seed)
    if place.stage in params.arms:
        arm = params.arm(*place)
        declared += (arm.objective, params.sizes.of(arm.size), arm.level, arm.parent)
        found += (run.objective.name, run.pixels, run.level, run.parent)
    if found != declared:
        msg = (
            f"a run must be what params.yaml declares, {declared}, "
            f"but {RUNS / str(place) / str(seed)} holds {found}: train it again with `dvc repro`"
        )
        raise InputError(msg)
