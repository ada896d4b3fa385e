"""The runs that params.yaml declares: their specifications before, their results after."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path

from benchmark.common.errors import InputError
from benchmark.common.files import read_json, sha256_json, write_json
from benchmark.data.manifest import Row
from benchmark.runs.epochs import epochs_of
from benchmark.runs.spec import _SHOWN, RUNS, DataSummary, Objective, RunResult, RunSpec, _code_sha256
from benchmark.settings.params import Params
from models.losses.registry import LOSSES
from models.settings import Cells

log = logging.getLogger(__name__)


def data_sha256(manifest: list[Row]) -> str:
    """Identity of a data set: what it holds, not where it lies."""
    return sha256_json([[r.image_id, r.patient, r.eye, r.grade, r.split, r.sha256] for r in manifest])


def describe(params: Params, stage: str, name: str, manifest: list[Row], counts: dict[str, int]) -> list[RunSpec]:
    """The runs of an arm, one per seed.

    Args:
        params: all parameters.
        stage: DVC stage.
        name: the arm.
        manifest: the data set.
        counts: images per split in the packs.

    Raises:
        InputError: there is no such arm, or its parent has not been trained.
    """
    arm = params.arm(stage, name)
    data = DataSummary(
        name=params.data.name,
        source=params.data.source,
        synthetic=params.data.synthetic,
        manifest_sha256=data_sha256(manifest),
        **counts,
    )
    defaults = LOSSES[arm.objective].defaults
    train = params.train.model_copy(update={"epochs": epochs_of(params, stage, name)})
    specs = []
    for seed in params.seeds:
        spec = RunSpec(
            stage=stage,
            arm=name,
            seed=seed,
            objective=Objective(name=arm.objective, parameters={**defaults, **params.objectives[arm.objective]}),
            heads=list(LOSSES[arm.objective].heads),
            size=arm.size,
            pixels=params.sizes.of(arm.size),
            level=arm.level,
            parent=arm.parent,
            parent_key=read_result(RUNS / arm.parent / str(seed)).key if arm.parent else "",
            data=data,
            # Without cells a network does not depend on how they are made.
            model=params.model if arm.level > 1 else params.model.model_copy(update={"cells": Cells()}),
            train=train,
            code_sha256=_code_sha256(arm.objective),
        )
        specs.append(spec.model_copy(update={"key": sha256_json(spec.model_dump(mode="json"))}))
    return specs


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
    for stage, arms in params.arms.items():
        for name, arm in arms.items():
            present = [seed for seed in params.seeds if (RUNS / stage / name / str(seed)).exists()]
            if absent := [str(seed) for seed in params.seeds if seed not in present]:
                log.warning("%s/%s is not run for seed %s: its cells say so", stage, name, ", ".join(absent))
            for seed in present:
                folder = RUNS / stage / name / str(seed)
                run = read_result(folder)
                declared = (stage, name, seed, arm.objective, params.sizes.of(arm.size), arm.level, arm.parent)
                found = (run.stage, run.arm, run.seed, run.objective.name, run.pixels, run.level, run.parent)
                if found != declared:
                    msg = (
                        f"a run must be what params.yaml declares, {declared}, "
                        f"but {folder} holds {found}: train it again with `dvc repro`"
                    )
                    raise InputError(msg)
                yield run
