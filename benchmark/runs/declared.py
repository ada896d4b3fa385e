"""The runs that params.yaml declares: their specifications, and their results when they are finished."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Protocol, TypeVar

from benchmark.common.errors import InputError
from benchmark.common.files import sha256_json
from benchmark.common.terms import SPLITS, Arm, Size
from benchmark.data.manifest import ManifestRow
from benchmark.data.packs import PackSpec, open_pack, pack_name, pack_path, pack_specs
from benchmark.runs.code import with_key
from benchmark.runs.epochs import epochs_of
from benchmark.runs.given import Given, read_seeds
from benchmark.runs.results import read_result, require_intact
from benchmark.runs.run import RUNS, SHOWN_DIGITS, DataSummary, PluginChoice
from benchmark.runs.spec import ArmRun, PredictionsRun, RunResult, RunSpec, heads_of
from benchmark.runs.systems import resolve_system
from benchmark.settings.devices import resolved
from benchmark.settings.params import PREDICTIONS, Params
from models.settings import Cells
from models.weights_file import with_weights_hash

log = logging.getLogger(__name__)


def data_sha256(manifest: list[ManifestRow]) -> str:
    """Return the hash of a data set's rows and files, whatever their location."""
    return sha256_json([[r.image_id, r.patient, r.eye, r.grade, r.split, r.sha256] for r in manifest])


def prepared(params: Params, size: Size) -> PackSpec:
    """Return the specification of the packs of a size: that of the existing packs, else the declared one."""
    path = pack_path("train", pack_name(size, params.prepare.colour_normalisation))
    return open_pack(path).spec if path.exists() else declared_packs(params, size)


def declared_packs(params: Params, size: Size) -> PackSpec:
    """Return the specification that the parameters declare for the packs of a size."""
    return pack_specs(params.sizes, params.prepare)[size]


def resolve_runs(
    params: Params,
    manifest: list[ManifestRow],
    methods: Collection[str] = (),
    packs: Callable[[Params, Size], PackSpec] = prepared,
) -> list[RunSpec]:
    """Return the declared runs of some methods that train here, and those that they start from, in declared order.

    Args:
        params: all parameters.
        manifest: the data set.
        methods: keys of ``arms`` or ``systems``; empty for all.
        packs: returns the specification of the packs of a size that the networks of systems read.
    """
    if not params.trains:
        return []
    methods = methods or (*params.arms, *params.systems)
    known: dict[Arm, list[ArmRun]] = {}

    def specs(arm: Arm) -> list[ArmRun]:
        if arm not in known:
            parent = params.arm(*arm).parent
            parents = [spec.key for spec in specs(Arm.parse(parent))] if parent else None
            known[arm] = resolve_arm(params, *arm, manifest, parents)
        return known[arm]

    arms = [Arm(method, name) for method, names in params.arms.items() for name in names]
    for arm in arms:
        if arm.method in methods:
            specs(arm)
    declared: list[RunSpec] = [spec for arm in arms for spec in known.get(arm, ())]
    for system in params.systems:
        if system in methods:
            declared += resolve_system(params, system, manifest, summarize_data(params, manifest), packs)
    return declared


def resolve_predictions(
    params: Params, name: str, manifest: list[ManifestRow]
) -> Iterator[tuple[PredictionsRun, Given]]:
    """Yield each run that is given by its predictions, with the content of its files.

    Raises:
        InputError: a file breaks a rule, see :func:`benchmark.runs.given.read_seeds`.
    """
    settings, data = params.predicted[name], summarize_data(params, manifest)
    files = {seed: settings.files_of(seed) for seed in settings.seeds}
    for seed, given in read_seeds(files, settings.columns, manifest):
        spec = PredictionsRun(
            method=name,
            arm=PREDICTIONS,
            seed=seed,
            heads=given.heads,
            data=data,
            files_sha256=dict(given.sha256),
            columns=settings.columns,
            eyes=settings.eyes,
            nets=settings.nets,
            tta_views=settings.views,
            source=settings.source,
        )
        yield with_key(spec), given


def summarize_data(params: Params, manifest: list[ManifestRow]) -> DataSummary:
    """Summarize the data set of all runs."""
    counts = Counter(row.split for row in manifest)
    return DataSummary(
        name=params.data.name,
        source=params.data.source,
        synthetic=params.data.synthetic,
        manifest_sha256=data_sha256(manifest),
        **{split: counts[split] for split in SPLITS},
    )


def resolve_arm(
    params: Params, method: str, name: str, manifest: list[ManifestRow], parents: Sequence[str] | None = None
) -> list[ArmRun]:
    """Return the runs of an arm, one per seed.

    Args:
        params: all parameters.
        method: the method.
        name: the arm.
        manifest: the data set.
        parents: keys of the parent runs, one per seed; by default those of the finished runs.

    Raises:
        InputError: the arm does not exist, its parent has not been trained, or the weights are missing.
    """
    arm, own = params.arm(method, name), params.of(Arm(method, name))
    model = with_weights_hash(own.model)
    if arm.parent and parents is None:
        parents = [read_result(RUNS / arm.parent / str(seed)).key for seed in params.seeds]
    spec = ArmRun(
        method=method,
        arm=name,
        seed=0,
        loss=PluginChoice(name=arm.loss, parameters=own.loss_parameters(arm.loss)),
        heads=heads_of(arm.loss),
        size=arm.size,
        pixels=params.sizes.of(arm.size),
        n_cells=arm.n_cells,
        parent=arm.parent,
        data=summarize_data(params, manifest),
        prepared=prepared(own, arm.size),
        # The settings of cells affect only networks that have some.
        model=model if arm.n_cells > 0 else model.model_copy(update={"cells": Cells()}),
        train=resolved(own.train).model_copy(update={"epochs": epochs_of(params, method, name), "parallel_runs": 0}),
    )
    return [
        with_key(spec.model_copy(update={"seed": seed, "parent_key": parent}))
        for seed, parent in zip(params.seeds, parents or [""] * len(params.seeds), strict=True)
    ]


def runs_hash(keys: Iterable[str]) -> str:
    """Return the short hash that identifies several runs in tables, from their keys in the order of their seeds."""
    return sha256_json(list(keys))[:SHOWN_DIGITS]


def find_runs(params: Params) -> Iterator[RunResult]:
    """Yield the finished runs of the declared arms and seeds, in declared order.

    Raises:
        InputError: a run differs from the one that params.yaml declares under its name, or a file from the trained one.
    """
    for (method, name), seeds in params.declared():
        present = [seed for seed in seeds if (RUNS / method / name / str(seed)).exists()]
        if absent := [str(seed) for seed in seeds if seed not in present]:
            log.warning("%s/%s has no run for seed %s: its table cells state this", method, name, ", ".join(absent))
        for seed in present:
            run = read_result(folder := RUNS / method / name / str(seed))
            require_intact(folder, *(file for file in run.files if file.endswith(".csv")))
            _check_name(params, Arm(method, name), seed, run)
            yield run


class _OfArm(Protocol):
    @property
    def method(self) -> str: ...
    @property
    def arm(self) -> str: ...


R = TypeVar("R", bound=_OfArm)


def by_arm(rows: Iterable[R]) -> dict[Arm, list[R]]:
    """Group runs, or rows about runs, by arm; arms and rows keep their order."""
    found: dict[Arm, list[R]] = {}
    for row in rows:
        found.setdefault(Arm(row.method, row.arm), []).append(row)
    return found


def _check_name(params: Params, declared_arm: Arm, seed: int, run: RunResult) -> None:
    """Refuse a run that differs from the one declared under its name."""
    declared: tuple[object, ...] = (*declared_arm, seed)
    found: tuple[object, ...] = (run.method, run.arm, run.seed)
    if declared_arm.method in params.arms:
        arm = params.arm(*declared_arm)
        declared += (arm.loss, params.sizes.of(arm.size), arm.n_cells, arm.parent)
    if isinstance(run, ArmRun):
        found += (run.loss.name, run.pixels, run.n_cells, run.parent)
    if found != declared:
        msg = (
            f"a run must be what params.yaml declares, {declared}, "
            f"but {RUNS / str(declared_arm) / str(seed)} contains {found}: train it again with `dvc repro`"
        )
        raise InputError(msg)
