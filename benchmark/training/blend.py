"""Blends of a system: one prediction per eye from the outputs of its networks.

A blend is fitted on the holdout, the train patients that no network of its system was trained on. Its thresholds are
tuned on out-of-fold predictions for the same patients. Val and test are only predicted.
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
from benchmark.common.fellows import MISSING, encode_sides, fellows, pair, shuffled_fellows
from benchmark.common.files import atomic, sha256_json, write_text
from benchmark.common.sealed import read_sealed, write_sealed
from benchmark.common.splitting import sorted_by_grade
from benchmark.common.terms import EVALUATED
from benchmark.data.manifest import ManifestRow
from benchmark.data.packs import PACKS, pack_name
from benchmark.runs.code import require_code, views_sha256
from benchmark.runs.environment import now
from benchmark.runs.predictions import Predictions, clusters, read_predictions, write_predictions
from benchmark.runs.results import read_result, read_trained, require_intact, write_result
from benchmark.runs.run import WEIGHTS, TunedThresholds
from benchmark.runs.run_store import RECORD, find_needed, find_one_needed, open_run_dir, run_dir, views_dir
from benchmark.runs.spec import BlendResult, BlendRun, NetworkRun, TrainedRun, views_read
from benchmark.scoring.decision_rules.registry import DEFAULT, apply_rule, fit_on
from benchmark.settings.training import Train
from benchmark.training.batches import SplitData
from benchmark.training.device import open_fabric
from benchmark.training.predict import EVALUATION_BATCH, as_predictions, load_model
from benchmark.training.randomness import derive
from benchmark.training.record import make_record
from benchmark.training.system_view import load_role, with_system_view
from benchmark.training.tta import FEATURES, SD_SUFFIX, Outputs, predict_tta
from models.blends.registry import BLENDS, Columns, State, load_blend
from models.network import Network
from models.systems.registry import load_system

HOLDOUT: Literal["holdout"] = "holdout"
"""Role that blends are fitted on."""
FOLDS = 5
"""Number of folds of the out-of-fold predictions."""


@dataclass(frozen=True)
class Eyes:
    """Eyes of a split or role, with the inputs of a blend.

    Attributes:
        data: their images and rows in the pack of the first network.
        outputs: outputs of each network.
        statistics: statistics of the photographs; None if the blend does not use them.
    """

    data: SplitData
    outputs: Sequence[Outputs]
    statistics: npt.NDArray[np.float32] | None

    @cached_property
    def fellow(self) -> Ints:
        """Position of each eye's fellow."""
        return fellows([row.patient for row in self.data.rows], [row.eye for row in self.data.rows])


def predict_views(
    network: NetworkRun,
    blends: Sequence[BlendRun],
    manifest: list[ManifestRow],
    fabric: Fabric,
    report: Callable[[int], None],
    folder: Path = PACKS,
) -> None:
    """Predict and cache the outputs of a finished network for some blends.

    Args:
        network: the run.
        blends: blends that use it.
        manifest: the data set.
        fabric: device and precision.
        report: called with the number of images so far.
        folder: folder of the packs.
    """
    member, done = find_one_needed(blends[0], network.name), 0
    report(done)
    for blend, images in views_read(blends):
        for role in (HOLDOUT, *EVALUATED):
            _outputs(member, blend, role, manifest, fabric, folder)
        done += images
        report(done)


def complete_blends(
    specs: Sequence[BlendRun],
    manifest: list[ManifestRow],
    fabric: Fabric,
    report: Callable[[int, str], None],
    folder: Path = PACKS,
) -> str:
    """Fit and predict the blends of one system and seed, which share the cached outputs of their networks.

    Args:
        specs: the blends, whose networks are finished.
        manifest: the data set.
        fabric: device and precision.
        report: called with the number of blends so far.
        folder: folder of the packs.

    Returns:
        A summary for the progress display.
    """
    report(0, "")
    for number, spec in enumerate(specs, 1):
        began, started = time.perf_counter(), now()
        open_run_dir(spec, run_dir(spec))
        result = _blend(spec, manifest, fabric, folder)
        record = make_record(spec, fabric, started, time.perf_counter() - began)
        require_code(spec)
        write_text(run_dir(spec) / RECORD, record.model_dump_json(indent=2) + "\n")
        write_result(result, run_dir(spec))
        report(number, "")
    return f"{len(specs)} steps"


def _blend(spec: BlendRun, manifest: list[ManifestRow], fabric: Fabric, folder: Path) -> BlendResult:
    eyes = {role: read_eyes(spec, role, manifest, fabric, folder) for role in (HOLDOUT, *EVALUATED)}
    state, out_of_fold = fit_blend(spec, eyes[HOLDOUT])
    head = BLENDS[spec.blend.name].head
    tuned = tune_thresholds(spec, out_of_fold) if spec.tuned else None
    write_predictions(out_of_fold, run_dir(spec) / f"{HOLDOUT}.csv")
    flags = []
    for split in EVALUATED:
        predictions = predict_eyes(spec, state, eyes[split])
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


def fit_blend(spec: BlendRun, eyes: Eyes) -> tuple[State, Predictions]:
    """Fit a blend, and predict the same eyes out of fold: with blends fitted without their patients."""
    module = load_blend(spec.blend.name)
    x, grade = blend_inputs(spec, eyes), eyes.data.grade
    fitted = _fitted(spec, eyes)
    seed, parameters = derive(spec.seed, "blend"), cast("dict[str, Any]", spec.blend.parameters)
    state = module.fit(x[fitted], grade[fitted], seed, **parameters)
    if not BLENDS[spec.blend.name].learns:
        return state, _predictions(spec, eyes.data, module.predict(state, x))
    out_of_fold: npt.NDArray[np.float32] | None = None
    fold = assign_folds(eyes.data)
    for number in np.unique(fold):
        rows, others = fold == number, (fold != number) & fitted
        output = module.predict(module.fit(x[others], grade[others], seed, **parameters), x[rows])
        if out_of_fold is None:
            out_of_fold = np.zeros((len(x), *output.shape[1:]), np.float32)
        out_of_fold[rows] = output
    assert out_of_fold is not None
    return state, _predictions(spec, eyes.data, out_of_fold)


def predict_eyes(spec: BlendRun, state: State, eyes: Eyes) -> Predictions:
    """Predict eyes with a fitted blend."""
    return _predictions(spec, eyes.data, load_blend(spec.blend.name).predict(state, blend_inputs(spec, eyes)))


def predict_blend(spec: BlendRun, manifest: list[ManifestRow], settings: Train, folder: Path) -> Predictions:
    """Predict the test split of any data set with a finished blend.

    Args:
        spec: the blend, whose networks are in the run store.
        manifest: the data set.
        settings: training parameters, for device and precision.
        folder: folder of its packs.
    """
    eyes = read_eyes(spec, "test", manifest, open_fabric(settings), folder)
    require_intact(spec.folder(), WEIGHTS)
    return predict_eyes(spec, load_file(spec.folder() / WEIGHTS), eyes)


def tune_thresholds(spec: BlendRun, out_of_fold: Predictions) -> TunedThresholds:
    """Tune the thresholds of a blend on its out-of-fold predictions."""
    info = BLENDS[spec.blend.name]
    return TunedThresholds(head=info.head, rule=info.rule, values=fit_on(HOLDOUT, info.rule, out_of_fold).thresholds)


def blend_inputs(spec: BlendRun, eyes: Eyes) -> Columns:
    """Return the inputs of a blend for each eye, shape (n, d)."""
    info, fellow = BLENDS[spec.blend.name], eyes.fellow
    columns_of = load_system(spec.method).columns
    own = layer_features(eyes.outputs) if info.features else columns_of(eyes.outputs, eyes.statistics)
    if spec.eyes == "one":
        if not info.pairs:
            return own
        fellow = np.full_like(fellow, MISSING)
    elif spec.eyes == "shuffled":
        fellow = shuffled_fellows(fellow, derive(spec.seed, "strangers"))
    both = pair(own, fellow)
    return np.column_stack([both, encode_sides([row.eye for row in eyes.data.rows])]) if info.pairs else both


def layer_features(outputs: Sequence[Outputs]) -> Columns:
    """Return the features of all networks for each eye and, if available, their spread over views, shape (n, d)."""
    names = (FEATURES, FEATURES + SD_SUFFIX)
    return np.hstack([network[name] for network in outputs for name in names if name in network])


def assign_folds(data: SplitData) -> Ints:
    """Return the fold of each image; patients are kept together, and folds are stratified by the worse eye's grade."""
    cluster = clusters(np.array([row.patient for row in data.rows]))
    worst = {int(patient): int(data.grade[cluster == patient].max()) for patient in np.unique(cluster)}
    fold = {patient: i % FOLDS for i, patient in enumerate(sorted_by_grade(worst, "folds"))}
    return np.array([fold[int(patient)] for patient in cluster], np.int64)


def _fitted(spec: BlendRun, eyes: Eyes) -> npt.NDArray[np.bool_]:
    """Select the eyes that a blend is fitted on."""
    if spec.missing == "drop" and spec.eyes != "one":
        return np.asarray(eyes.fellow != MISSING)
    return np.ones(len(eyes.data), np.bool_)


def _predictions(spec: BlendRun, data: SplitData, output: npt.NDArray[np.float32]) -> Predictions:
    return as_predictions(data, {spec.heads[0]: output})


def read_eyes(spec: BlendRun, role: str, manifest: list[ManifestRow], fabric: Fabric, folder: Path = PACKS) -> Eyes:
    """Load the eyes of a role with the inputs of a blend."""
    outputs = [_outputs(member, spec, role, manifest, fabric, folder) for member in find_needed(spec)]
    data = load_role(role, spec.packs, manifest, spec.holdout.fraction, folder)
    statistics = _statistics(spec, role, manifest, folder) if spec.statistics else None
    return Eyes(data, outputs, statistics)


def _outputs(
    member: Path, blend: BlendRun, role: str, manifest: list[ManifestRow], fabric: Fabric, folder: Path
) -> Outputs:
    """Return a network's outputs for the eyes of a role: from its training or the cache, else predicted now."""
    if blend.as_trained and role in EVALUATED and folder == PACKS:
        predictions = read_predictions(member / f"{role}.csv")
        return {name: value for name in ("score", "prob") if (value := getattr(predictions, name)) is not None}
    run = read_trained(member)
    data = with_system_view(load_role(role, run.packs, manifest, blend.holdout.fraction, folder), run)

    def predict() -> Outputs:
        model = fabric.setup_module(load_model(member).to(memory_format=torch.channels_last))
        return predict_tta(cast("Network", model), data, fabric, run.seed, blend.tta_views, blend.augment, blend.layer)

    return _cached(run, blend, data, [blend.tta_views, blend.augment.model_dump(mode="json"), blend.layer], predict)


def _cached(
    run: TrainedRun, blend: BlendRun, data: SplitData, settings: object, compute: Callable[[], Outputs]
) -> Outputs:
    """Return a run's cached outputs for these images and settings; compute and cache them if they are missing."""
    images = [[row.image_id, row.sha256] for row in data.rows]
    path = views_dir(run.key) / f"{sha256_json([views_sha256(blend.system), settings, images])[:16]}.safetensors"
    if (cached := read_sealed(path)) is None:
        outputs = compute()
        require_code(blend)
        write_sealed(path, outputs)
        cached = read_sealed(path)
        assert cached is not None
    return cached[0]


def _statistics(spec: BlendRun, role: str, manifest: list[ManifestRow], folder: Path) -> npt.NDArray[np.float32]:
    """Return the system's statistics of the photographs of a role, from their largest squares."""
    run, system = read_trained(find_needed(spec)[0]), load_system(spec.method)
    large = pack_name("large", spec.prepared.colour_normalisation)
    plain = load_role(role, large, manifest, spec.holdout.fraction, folder)

    def compute() -> Outputs:
        side = plain.pack.size
        view = with_system_view(plain, run.model_copy(update={"fov_px": side, "pixels": side}))
        sizes = np.array([(row.width, row.height) for row in plain.rows], np.int64)
        parts = np.array_split(np.arange(len(plain)), -(-len(plain) // EVALUATION_BATCH))
        statistics = [system.statistics(plain.pixels(i), view.pixels(i), sizes[i]) for i in parts]
        return {"statistics": np.concatenate(statistics)}

    return _cached(run, spec, plain, "statistics", compute)["statistics"]
