"""The rows of a system's ladder: from the outputs of its networks, eye by eye, to one answer per eye.

A blend learns from the train patients that no network of its system was fitted on, and so do the thresholds between its
grades: from answers to patients that the blend itself was not fitted on. Val and test are only answered.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import numpy.typing as npt
import torch
from lightning_fabric import Fabric
from safetensors.numpy import load_file, save_file

from benchmark.common.arrays import Ints
from benchmark.common.fellows import MISSING, fellows, pair, shuffled_fellows, sides
from benchmark.common.files import atomic, sha256_json, write_text
from benchmark.common.splitting import sorted_by_grade
from benchmark.common.terms import EVALUATED
from benchmark.data.manifest import ManifestRow
from benchmark.data.packs import PACKS
from benchmark.runs.environment import now
from benchmark.runs.predictions import Predictions, clusters, read_predictions, write_predictions
from benchmark.runs.results import read_result, read_trained, write_spec
from benchmark.runs.run import WEIGHTS, TunedThresholds
from benchmark.runs.run_store import RECORD, find_needed, find_one_needed, run_dir, views_dir
from benchmark.runs.spec import BlendResult, BlendRun, NetworkRun, TrainedRun, views_read
from benchmark.scoring.decision_rules.registry import DEFAULT, apply_rule, fit_on
from benchmark.settings.training import Train
from benchmark.training.batches import SplitData
from benchmark.training.device import open_fabric
from benchmark.training.predict import EVALUATION_BATCH, load_model, predictions_of
from benchmark.training.randomness import derive
from benchmark.training.record import record_of
from benchmark.training.system_view import as_seen, load_role
from benchmark.training.tta import FEATURES, SPREAD, Outputs, predict_tta
from models.blends.registry import BLENDS, Columns, State, load_blend
from models.network import Network
from models.systems.registry import load_system

FITTED: Literal["holdout"] = "holdout"
"""Role that is fitted on."""
FOLDS = 5
"""Parts of the patients that a blend is fitted without, one after the other, to tune its thresholds."""


@dataclass(frozen=True)
class Eyes:
    """The eyes of a split or role, as a blend may know them: there are no labels here.

    Attributes:
        data: their images and rows, as the first network's pack holds them.
        outputs: of each network.
        statistics: of the photographs; None where none are read.
    """

    data: SplitData
    outputs: Sequence[Outputs]
    statistics: npt.NDArray[np.float32] | None

    @cached_property
    def fellow(self) -> Ints:
        """ManifestRow of each eye's fellow."""
        return fellows([row.patient for row in self.data.rows], [row.eye for row in self.data.rows])


def predict_views(
    network: NetworkRun,
    rows: Sequence[BlendRun],
    manifest: list[ManifestRow],
    fabric: Fabric,
    report: Callable[[int], None],
    folder: Path = PACKS,
) -> None:
    """Find what a finished network says of all eyes that some rows of its ladder read, and keep it for them.

    Args:
        network: the run.
        rows: that read it.
        manifest: the data set.
        fabric: device and precision.
        report: told how many images it has been shown.
        folder: of the packs.
    """
    member, done = find_one_needed(rows[0], network.name), 0
    for blend, images in views_read(rows):
        for role in (FITTED, *EVALUATED):
            _outputs(member, blend, role, manifest, fabric, folder)
        done += images
        report(done)


def complete(
    specs: Sequence[BlendRun],
    manifest: list[ManifestRow],
    fabric: Fabric,
    report: Callable[[int, str], None],
    folder: Path = PACKS,
) -> str:
    """Bring the rows of one system and seed to their ends; what passes gave is shared by all and kept.

    Args:
        specs: the rows; the runs that they read are finished.
        manifest: the data set.
        fabric: device and precision.
        report: told how many rows are done.
        folder: of the packs.

    Returns:
        What they reached on val, in words.
    """
    for number, spec in enumerate(specs, 1):
        began, started = time.perf_counter(), now()
        result = _blend(spec, manifest, fabric, folder)
        record = record_of(spec, fabric, started, time.perf_counter() - began)
        write_text(run_dir(spec) / RECORD, record.model_dump_json(indent=2) + "\n")
        write_spec(result, run_dir(spec))
        report(number, "")
    return f"{len(specs)} rows of the ladder"


def _blend(spec: BlendRun, manifest: list[ManifestRow], fabric: Fabric, folder: Path) -> BlendResult:
    eyes = {role: read_eyes(spec, role, manifest, fabric, folder) for role in (FITTED, *EVALUATED)}
    state, apart = learn(spec, eyes[FITTED])
    head = BLENDS[spec.blend.name].head
    tuned = tune_thresholds(spec, apart) if spec.tuned else None
    write_predictions(apart, run_dir(spec) / f"{FITTED}.csv")
    flags = []
    for split in EVALUATED:
        predictions = answers(spec, state, eyes[split])
        write_predictions(predictions, run_dir(spec) / f"{split}.csv")
        grades = apply_rule(tuned.rule, predictions, tuned.values) if tuned else apply_rule(DEFAULT[head], predictions)
        if split == "val" and len(np.unique(grades)) == 1:
            flags = [f"collapsed:{head}"]
    with atomic(run_dir(spec) / WEIGHTS) as partial:
        save_file({name: np.ascontiguousarray(value) for name, value in state.items()}, partial)
    members = [read_result(folder) for folder in find_needed(spec)]
    return BlendResult(
        **spec.model_dump(),
        parameters=sum(member.parameters for member in members),
        macs_per_image=max(spec.tta_views, 1) * sum(member.macs_per_image for member in members),
        flags=flags,
        tuned_thresholds=tuned,
    )


def learn(spec: BlendRun, eyes: Eyes) -> tuple[State, Predictions]:
    """Fit a blend, and its answers to the same eyes by blends that were fitted without their patients."""
    module = load_blend(spec.blend.name)
    x, grade = columns(spec, eyes), eyes.data.grade
    kept = _fitted(spec, eyes)
    seed, parameters = derive(spec.seed, "blend"), cast("dict[str, Any]", spec.blend.parameters)
    state = module.fit(x[kept], grade[kept], seed, **parameters)
    if not BLENDS[spec.blend.name].learns:
        return state, _answered(spec, eyes.data, module.predict(state, x))
    found: npt.NDArray[np.float32] | None = None
    fold = folds(eyes.data)
    for number in np.unique(fold):
        rows, others = fold == number, (fold != number) & kept
        apart = module.predict(module.fit(x[others], grade[others], seed, **parameters), x[rows])
        found = np.zeros((len(x), *apart.shape[1:]), np.float32) if found is None else found
        found[rows] = apart
    assert found is not None
    return state, _answered(spec, eyes.data, found)


def answers(spec: BlendRun, state: State, eyes: Eyes) -> Predictions:
    """What a fitted blend answers of some eyes."""
    return _answered(spec, eyes.data, load_blend(spec.blend.name).predict(state, columns(spec, eyes)))


def predict_blend(spec: BlendRun, manifest: list[ManifestRow], settings: Train, folder: Path) -> Predictions:
    """Answers of a finished blend to the test split of any data set.

    Args:
        spec: of the blend, whose networks are there.
        manifest: the data set.
        settings: where, and in which number format.
        folder: of its packs.
    """
    eyes = read_eyes(spec, "test", manifest, open_fabric(settings), folder)
    return answers(spec, load_file(spec.folder() / WEIGHTS), eyes)


def tune_thresholds(spec: BlendRun, apart: Predictions) -> TunedThresholds:
    """Tune the thresholds of a blend on eyes that it was not fitted on."""
    entry = BLENDS[spec.blend.name]
    return TunedThresholds(head=entry.head, rule=entry.rule, values=fit_on(FITTED, entry.rule, apart).thresholds)


def columns(spec: BlendRun, eyes: Eyes) -> Columns:
    """What a blend reads of each eye, shape (n, d)."""
    entry, fellow = BLENDS[spec.blend.name], eyes.fellow
    columns_of = load_system(spec.method).columns
    own = features(eyes.outputs) if entry.features else columns_of(eyes.outputs, eyes.statistics)
    if spec.eyes == "one":
        if not entry.pairs:
            return own
        fellow = np.full_like(fellow, MISSING)
    elif spec.eyes == "shuffled":
        fellow = shuffled_fellows(fellow, derive(spec.seed, "strangers"))
    read = pair(own, fellow)
    return np.column_stack([read, sides([row.eye for row in eyes.data.rows])]) if entry.pairs else read


def features(outputs: Sequence[Outputs]) -> Columns:
    """What the layer that was kept gave for each eye, net by net: mean and, over passes, spread, shape (n, d)."""
    return np.hstack([each[name] for each in outputs for name in (FEATURES, FEATURES + SPREAD) if name in each])


def folds(data: SplitData) -> Ints:
    """A number per image that all images of a patient share, dealt evenly over the patients' worse grades."""
    cluster = clusters(np.array([row.patient for row in data.rows]))
    worst = {int(each): int(data.grade[cluster == each].max()) for each in np.unique(cluster)}
    number = {name: place % FOLDS for place, name in enumerate(sorted_by_grade(worst, "folds"))}
    return np.array([number[int(each)] for each in cluster], np.int64)


def _fitted(spec: BlendRun, eyes: Eyes) -> npt.NDArray[np.bool_]:
    """The eyes that a blend is fitted on."""
    if spec.missing == "drop" and spec.eyes != "one":
        return np.asarray(eyes.fellow != MISSING)
    return np.ones(len(eyes.data), np.bool_)


def _answered(spec: BlendRun, data: SplitData, answer: npt.NDArray[np.float32]) -> Predictions:
    return predictions_of(data, {spec.heads[0]: answer})


def read_eyes(spec: BlendRun, role: str, manifest: list[ManifestRow], fabric: Fabric, folder: Path = PACKS) -> Eyes:
    """The eyes of a role, with what each network of a blend says of them."""
    outputs = [_outputs(member, spec, role, manifest, fabric, folder) for member in find_needed(spec)]
    data = load_role(role, spec.size, manifest, spec.holdout.fraction, folder)
    statistics = _statistics(spec, role, manifest, folder) if spec.statistics else None
    return Eyes(data, outputs, statistics)


def _outputs(
    member: Path, blend: BlendRun, role: str, manifest: list[ManifestRow], fabric: Fabric, folder: Path
) -> Outputs:
    """What a network says of the eyes of a role: as its training wrote it or as kept, else found now."""
    if blend.as_trained and role in EVALUATED and folder == PACKS:
        written = read_predictions(member / f"{role}.csv")
        return {name: said for name in ("score", "prob") if (said := getattr(written, name)) is not None}
    run = read_trained(member)
    data = as_seen(load_role(role, run.size, manifest, blend.holdout.fraction, folder), run)

    def find() -> Outputs:
        model = fabric.setup_module(load_model(member).to(memory_format=torch.channels_last))
        return predict_tta(cast("Network", model), data, fabric, run.seed, blend.tta_views, blend.augment, blend.layer)

    return _kept(run, data, [blend.tta_views, blend.augment.model_dump(mode="json"), blend.layer], find)


def _kept(run: TrainedRun, data: SplitData, what: object, find: Callable[[], Outputs]) -> Outputs:
    """What was found before for a run on these images; else it is found now and kept."""
    images = [[row.image_id, row.sha256] for row in data.rows]
    path = views_dir(run.key) / f"{sha256_json([what, images])[:16]}.safetensors"
    if not path.exists():
        with atomic(path) as partial:
            save_file(find(), partial)
    return load_file(path)


def _statistics(spec: BlendRun, role: str, manifest: list[ManifestRow], folder: Path) -> npt.NDArray[np.float32]:
    """The system's statistics of the photographs of a role, of the largest squares there are."""
    run, system = read_trained(find_needed(spec)[0]), load_system(spec.method)
    plain = load_role(role, "large", manifest, spec.holdout.fraction, folder)

    def find() -> Outputs:
        side = plain.pack.size
        shown = as_seen(plain, run.model_copy(update={"fov_px": side, "pixels": side}))
        sizes = np.array([(row.width, row.height) for row in plain.rows], np.int64)
        parts = np.array_split(np.arange(len(plain)), -(-len(plain) // EVALUATION_BATCH))
        found = [system.statistics(plain.pixels(i), shown.pixels(i), sizes[i]) for i in parts]
        return {"statistics": np.concatenate(found)}

    return _kept(run, plain, "statistics", find)["statistics"]
