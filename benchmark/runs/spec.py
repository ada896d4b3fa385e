"""The kinds of runs: an arm of the paper, a network of a compared system, and a blend of networks' outputs.

:data:`RunSpec` is their closed union, told apart by ``kind``. Whatever is common to all kinds is in
:class:`benchmark.runs.run.Run`; nothing else may be expected of a run whose kind is not known. In particular, a kind
that trains nothing has no input size, network or epochs.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, ClassVar, Literal, cast

from pydantic import Field, TypeAdapter

from benchmark.common.terms import Head, Size
from benchmark.data.packs import PackSpec
from benchmark.runs.history import HISTORY
from benchmark.runs.run import WEIGHTS, Holdout, Outcome, PluginChoice, Run
from benchmark.settings.training import Train
from models.losses.registry import LOSSES
from models.settings import Model
from models.system_settings import AffineAugment


class _Trained(Run):
    """A run that trains a network."""

    loss: PluginChoice
    """The loss."""
    size: Size
    pixels: int
    """Side of the network's input."""
    parent: str = ""
    """``method/arm`` whose weights it starts from, or empty."""
    parent_key: str = ""
    carries: Literal["weights", "kernels"] = "weights"
    """What it takes over from its parent."""
    prepared: PackSpec
    """How its images were made from the photographs."""
    model: Model
    train: Train
    """Training settings, with device and precision settled."""

    files: ClassVar[tuple[str, ...]] = ("run.json", HISTORY, "val.csv", "test.csv", WEIGHTS)
    builds_network: ClassVar[bool] = True

    @property
    def needs(self) -> dict[str, str]:
        return {f"{self.parent}/{self.seed}": self.parent_key} if self.parent else {}

    @property
    def optimizer_options(self) -> dict[str, float]:
        """Options of the optimiser beside those of ``train``."""
        return {}

    @property
    def _undecided(self) -> dict[str, Any]:
        # Where weights lie decides nothing, and their own hash says which they are.
        weights = {"weights"} if self.model.weights_sha256 else {"weights", "weights_sha256"}
        return {"train": _undecided_training(self.train), "model": weights}


class ArmRun(_Trained):
    """A run of an arm of the paper, on the network that all arms share."""

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
    """Colours that the network sees."""
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
    """A file of models/blends."""
    tuned: bool
    """Whether its thresholds are tuned on the held-out patients; else its head's default rule decides."""
    members: list[str]
    """``method/arm`` of the networks that it reads, each of its own seed."""
    member_keys: list[str]
    tta_views: int
    """Test-time views that outputs are averaged over; 0: the image as it is."""
    augment: AffineAugment
    """Random changes of the views."""
    layer: str = ""
    """Module of the networks whose output it reads, too; empty for none."""
    eyes: Literal["one", "both", "shuffled"]
    statistics: bool
    missing: Literal["copy", "drop"]
    holdout: Holdout
    size: Size
    """Pack that the first network reads."""
    pixels: int
    """Side of the first network's input."""
    member_pixels: list[int]
    train: Train
    """Settings of the first network, whose device and number format it uses."""
    prepared: PackSpec

    files: ClassVar[tuple[str, ...]] = ("run.json", "holdout.csv", "val.csv", "test.csv", WEIGHTS)

    @property
    def as_trained(self) -> bool:
        """Whether val and test are read as its networks' training predicted them: no views, and no layer's output."""
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
    def _undecided(self) -> dict[str, Any]:
        return {"train": _undecided_training(self.train)}


TrainedRun = ArmRun | NetworkRun
"""A run that trains a network."""
RunSpec = Annotated[ArmRun | NetworkRun | BlendRun, Field(discriminator="kind")]
"""A run of any kind: all that determines it."""


class ArmResult(ArmRun, Outcome):
    """``run.json`` of a finished run of an arm."""


class NetworkResult(NetworkRun, Outcome):
    """``run.json`` of a finished network of a system."""


class BlendResult(BlendRun, Outcome):
    """``run.json`` of a finished blend."""


TrainedResult = ArmResult | NetworkResult
RunResult = Annotated[ArmResult | NetworkResult | BlendResult, Field(discriminator="kind")]
"""A finished run of any kind."""

_SPEC: TypeAdapter[RunSpec] = TypeAdapter(RunSpec)
_RESULT: TypeAdapter[RunResult] = TypeAdapter(RunResult)


def parse_spec(fields: dict[str, Any]) -> RunSpec:
    """Validate the fields of a run of any kind, as ``run.json`` holds them while it is made."""
    return _SPEC.validate_python(fields)


def parse_result(fields: dict[str, Any]) -> RunResult:
    """Validate the fields of a finished run of any kind, as ``run.json`` holds them."""
    return _RESULT.validate_python(fields)


def views_read(rows: Iterable[BlendRun]) -> list[tuple[BlendRun, int]]:
    """List the unlike passes that some blends read of a network: a blend with each, and how many images it shows."""
    unlike = {}
    for row in rows:
        held = 0 if row.as_trained else row.data.val + row.data.test
        shown = max(row.tta_views, 1) * (row.holdout.held_images + held)
        unlike[row.tta_views, row.augment.model_dump_json(), row.layer] = (row, shown)
    return list(unlike.values())


def heads_of(loss: str) -> list[Head]:
    """Return the heads that a loss trains, the main one first."""
    return cast("list[Head]", [*LOSSES[loss].heads])


def finished(spec: Run, outcome: Outcome) -> RunResult:
    """Return the result of a run from what came of it."""
    return parse_result(spec.model_dump() | outcome.model_dump())


_EXECUTION = {"parallel_runs", "checkpoint_minutes"}
"""Training options that decide when and where a run is trained, and not what comes of it."""


def _undecided_training(train: Train) -> set[str]:
    """Options excluded from the key: DDP's when there is one process, ``fade`` when resampling never decays."""
    alone = {"processes", "sync_batch_norm"} if train.processes == 1 else set()
    stays = {"resample_schedule"} if not train.resample or train.resample_schedule.decay == 1 else set()
    return _EXECUTION | alone | stays
