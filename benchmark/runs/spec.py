"""The kinds of runs: an arm of the paper, a network of a compared system, a blend of outputs, and given predictions.

:data:`RunSpec` is their closed union, discriminated by ``kind``. :class:`benchmark.runs.run.Run` has the fields that
all kinds share. Descriptions for tables are in :mod:`benchmark.runs.labels`, which no key hashes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, ClassVar, Literal, cast

from pydantic import Field, TypeAdapter

from benchmark.common.terms import Head, Size, Split
from benchmark.data.packs import PackSpec, pack_name
from benchmark.runs.history import HISTORY
from benchmark.runs.run import WEIGHTS, Holdout, Outcome, PluginChoice, Run
from benchmark.settings.training import Train
from models.losses.registry import LOSSES
from models.settings import Model
from models.system_settings import AffineAugment


class _Trained(Run):
    """A run that trains a network."""

    loss: PluginChoice
    size: Size
    pixels: int
    """Side of the network's input."""
    parent: str = ""
    """``method/arm`` of the run whose weights it starts from; empty for none."""
    parent_key: str = ""
    carries: Literal["weights", "kernels"] = "weights"
    """Part of its parent's weights that it starts from."""
    prepared: PackSpec
    """Specification of its packs."""
    model: Model
    train: Train
    """Training settings, with resolved device and precision."""

    files: ClassVar[tuple[str, ...]] = ("run.json", HISTORY, "val.csv", "test.csv", WEIGHTS)
    builds_network: ClassVar[bool] = True

    @property
    def packs(self) -> str:
        """Name of its packs; see :func:`benchmark.data.packs.pack_path`."""
        return pack_name(self.size, self.prepared.colour_normalisation)

    @property
    def needs(self) -> dict[str, str]:
        return {f"{self.parent}/{self.seed}": self.parent_key} if self.parent else {}

    @property
    def optimizer_options(self) -> dict[str, float]:
        """Optimizer options in addition to those of ``train``."""
        return {}

    @property
    def _excluded_from_key(self) -> dict[str, Any]:
        # The hash identifies the weights; their path does not matter.
        weights = {"weights"} if self.model.weights_sha256 else {"weights", "weights_sha256"}
        return {"train": _excluded_options(self.train), "model": weights}


class ArmRun(_Trained):
    """A run of an arm of the paper, with the network that all arms share."""

    kind: Literal["arm"] = "arm"
    n_cells: int


class NetworkRun(_Trained):
    """A network of a compared system."""

    kind: Literal["network"] = "network"
    n_cells: ClassVar[int] = 0
    holdout: Holdout
    fov_px: int
    """Diameter of the field of view in the network's input."""
    blocks: int
    width: float
    colour_normalisation: str
    """Colour normalisation of the network's input."""
    momentum: float
    augment: AffineAugment

    @property
    def system(self) -> str:
        return self.method

    @property
    def optimizer_options(self) -> dict[str, float]:
        return {"momentum": self.momentum}


class BlendRun(Run):
    """A blend: one prediction per eye from the outputs of several networks, of their features, or of both eyes."""

    kind: Literal["blend"] = "blend"
    blend: PluginChoice
    """Name and parameters of a module of models/blends."""
    tuned: bool
    """True for thresholds tuned on the held-out patients, False for the head's default rule."""
    members: list[str]
    """``method/arm`` of the networks that it reads; their runs have the blend's seed."""
    member_keys: list[str]
    tta_views: int
    """Number of augmented views that outputs are averaged over; 0 for the unchanged image."""
    augment: AffineAugment
    """Augmentation of the views."""
    layer: str = ""
    """Module of the networks whose features it reads in addition; empty for none."""
    eyes: Literal["one", "both", "shuffled"]
    statistics: bool
    missing: Literal["copy", "drop"]
    holdout: Holdout
    size: Size
    """Size of the first network's pack."""
    pixels: int
    """Side of the first network's input."""
    member_pixels: list[int]
    train: Train
    """Settings of the first network; the blend uses its device and number format."""
    prepared: PackSpec

    files: ClassVar[tuple[str, ...]] = ("run.json", "holdout.csv", "val.csv", "test.csv", WEIGHTS)

    @property
    def packs(self) -> str:
        """Name of the packs of its first network; see :func:`benchmark.data.packs.pack_path`."""
        return pack_name(self.size, self.prepared.colour_normalisation)

    @property
    def as_trained(self) -> bool:
        """True if it reads the predictions that training wrote for val and test: no TTA views and no features."""
        return not (self.tta_views or self.layer)

    @property
    def group(self) -> str:
        return f"{self.method}/blends"

    @property
    def system(self) -> str:
        return self.method

    @property
    def needs(self) -> dict[str, str]:
        return {f"{name}/{self.seed}": key for name, key in zip(self.members, self.member_keys, strict=True)}

    @property
    def predicts_with(self) -> dict[str, str]:
        return self.needs

    @property
    def train_images(self) -> int:
        return self.holdout.held_images

    @property
    def _excluded_from_key(self) -> dict[str, Any]:
        return {"train": _excluded_options(self.train)}


class PredictionsRun(Run):
    """Predictions that came as files; nothing is trained or predicted here."""

    kind: Literal["predictions"] = "predictions"
    files_sha256: dict[Split, str]
    """SHA-256 of the file of val and of test."""
    columns: dict[str, str]
    """Name of the requested column of the files by role."""
    eyes: Literal["one", "both"]
    nets: int
    tta_views: int
    source: str
    """Origin of the predictions, as declared."""

    files: ClassVar[tuple[str, ...]] = ("run.json", "val.csv", "test.csv")

    @property
    def system(self) -> str:
        return self.method


TrainedRun = ArmRun | NetworkRun
"""A run that trains a network."""
RunSpec = Annotated[ArmRun | NetworkRun | BlendRun | PredictionsRun, Field(discriminator="kind")]
"""A run of any kind."""


class ArmResult(ArmRun, Outcome):
    """``run.json`` of a finished run of an arm."""


class NetworkResult(NetworkRun, Outcome):
    """``run.json`` of a finished network of a system."""


class BlendResult(BlendRun, Outcome):
    """``run.json`` of a finished blend."""


class PredictionsResult(PredictionsRun, Outcome):
    """``run.json`` of predictions that were read."""


TrainedResult = ArmResult | NetworkResult
ExecutedResult = ArmResult | NetworkResult | BlendResult
"""A finished run that can predict other images here."""
RunResult = Annotated[ArmResult | NetworkResult | BlendResult | PredictionsResult, Field(discriminator="kind")]
"""A finished run of any kind."""

_SPEC: TypeAdapter[RunSpec] = TypeAdapter(RunSpec)
_RESULT: TypeAdapter[RunResult] = TypeAdapter(RunResult)


def parse_spec(fields: dict[str, Any]) -> RunSpec:
    """Validate the fields of a run in progress, of any kind."""
    return _SPEC.validate_python(fields)


def parse_result(fields: dict[str, Any]) -> RunResult:
    """Validate the fields of a finished run of any kind."""
    return _RESULT.validate_python(fields)


def views_read(rows: Iterable[BlendRun]) -> list[tuple[BlendRun, int]]:
    """List the distinct sets of TTA views that blends read of a network: one blend and the image count of each."""
    distinct = {}
    for row in rows:
        evaluated = 0 if row.as_trained else row.data.val + row.data.test
        images = max(row.tta_views, 1) * (row.holdout.held_images + evaluated)
        distinct[row.tta_views, row.augment.model_dump_json(), row.layer] = (row, images)
    return list(distinct.values())


def heads_of(loss: str) -> list[Head]:
    """Return the heads of a loss, the main one first."""
    return cast("list[Head]", [*LOSSES[loss].heads])


def finished(spec: Run, outcome: Outcome) -> RunResult:
    """Return the result of a run with an outcome."""
    return parse_result(spec.model_dump() | outcome.model_dump())


_SCHEDULING = {"parallel_runs", "checkpoint_minutes"}
"""Training options without an effect on the result."""


def _excluded_options(train: Train) -> set[str]:
    """Options excluded from the key: DDP options with one process, ``resample_schedule`` without decay."""
    ddp = {"processes", "sync_batch_norm"} if train.processes == 1 else set()
    schedule = {"resample_schedule"} if not train.resample or train.resample_schedule.decay == 1 else set()
    return _SCHEDULING | ddp | schedule
