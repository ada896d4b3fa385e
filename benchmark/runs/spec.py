"""A run: what determines it (spec), what came of it (result), what it took (record), and where each is kept.

``runs/<stage>/<arm>/<seed>/`` holds only what an identical retraining reproduces bit by bit; times, host and commit are
in ``records/<stage>/<arm>/<seed>.json``. A run in progress, and what earlier trainings made, lies in ``scratch/``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Self

from benchmark.common.files import sha256_json
from benchmark.common.section import Section
from benchmark.common.terms import Size
from benchmark.data.packs import PackSpec
from benchmark.settings.training import Train
from models.settings import Model
from models.system_settings import Warp

RUNS, RECORDS, SCRATCH = Path("runs"), Path("records"), Path("scratch")

_NOT_CHOSEN = {"seed", "parent_key", "data", "code_sha256", "key"}
"""What a run's specification holds beside its parameters."""
_NOT_DETERMINING = {"workers", "checkpoint_minutes"}
"""What of ``train`` changes when and where a run is trained, and not what comes of it."""
_SHOWN = 16
"""Digits of a hash that tables show."""


class Objective(Section):
    """A loss and its parameters."""

    name: str
    parameters: dict[str, float]


class DataSummary(Section):
    """The data set of a run."""

    name: str
    source: str
    synthetic: bool
    manifest_sha256: str
    """Of ids, patients, eyes, grades, splits and file hashes: the same wherever the files lie."""
    train: int
    """Images."""
    val: int
    test: int

    @property
    def hash(self) -> str:
        """How tables name the data set's files and labels."""
        return self.manifest_sha256[:_SHOWN]


class Roles(Section):
    """How the train patients of a system are divided."""

    holdout_fraction: float
    """Of the patients, kept back from its networks."""
    fit: int
    """Images that its networks are trained on."""
    holdout: int
    """Images that its blend and cuts are fitted on."""
    sha256: str
    """Of every image's role."""


class NetSpec(Section):
    """What a network of a system is, beside what every run is."""

    name: str
    """``system/net``, in models/systems."""
    fov_px: int
    blocks: int
    width: float
    colour_normalisation: str
    """What is done to the colours of a plain pack."""
    momentum: float
    warp: Warp
    roles: Roles


class BlendSpec(Section):
    """What makes one answer per eye of several runs' outputs."""

    name: str
    """A file of models/blends."""
    parameters: dict[str, float]
    members: list[str]
    """``stage/arm`` of the runs that it reads, each of its own seed."""
    member_keys: list[str]
    passes: int
    """That outputs are averaged over; 0: the image as it is."""
    warp: Warp
    """Of the passes."""
    layer: str = ""
    """Module of the networks whose output is kept, too; empty for none."""
    eyes: Literal["one", "both", "shuffled"]
    statistics: bool
    missing: Literal["copy", "drop"]
    roles: Roles

    @property
    def as_trained(self) -> bool:
        """Whether it reads of val and test what its networks' own training wrote: one pass, and no layer's output."""
        return not (self.passes or self.layer)


class Cut(Section):
    """A decoder with the cuts that were tuned for a run on its ``blend`` patients."""

    head: str
    rule: str
    """A key of :data:`benchmark.scoring.decoders.registry.DECODERS`."""
    cuts: tuple[float, float, float, float]


class RunSpec(Section):
    """All that determines a run: with portable numbers, two runs with one ``key`` are bit-identical anywhere."""

    stage: str
    arm: str
    seed: int
    objective: Objective
    heads: list[str]
    size: Size
    pixels: int
    level: int
    parent: str
    """``stage/arm``, or empty."""
    parent_key: str
    data: DataSummary
    prepared: PackSpec
    """How its images were made from the photographs."""
    model: Model
    train: Train
    """With device and precision settled."""
    system: NetSpec | None = None
    """Of a network of a system; None for one that every arm shares."""
    blend: BlendSpec | None = None
    """Of a blend; None where a network is trained."""
    code_sha256: str = ""
    """Of the code, and of the versions of the libraries, that decide what comes of the rest."""
    key: str = ""

    def folder(self, root: Path = RUNS) -> Path:
        """Where the run lies under ``root``."""
        return root / self.stage / self.arm / str(self.seed)

    @property
    def title(self) -> str:
        """How messages call the run."""
        return f"{self.stage}/{self.arm} seed {self.seed}"

    @property
    def name(self) -> str:
        """``stage/arm/seed``."""
        return f"{self.stage}/{self.arm}/{self.seed}"

    @property
    def parent_name(self) -> str:
        """``stage/arm/seed`` of the run that it starts from, or empty."""
        return f"{self.parent}/{self.seed}" if self.parent else ""

    def keyed(self) -> Self:
        """The same with its key: a hash of all that determines the run."""
        spec = self.model_dump(mode="json", exclude={"key": True, "train": self._undecided, "model": self._unhashed})
        return self.model_copy(update={"key": sha256_json(_without_none(spec))})

    @property
    def parameters_resolved(self) -> dict[str, Any]:
        """All that was chosen for the run, defaults included: the same for every seed of an arm, whatever the data."""
        chosen = self.model_dump(
            mode="json",
            include={*RunSpec.model_fields} - _NOT_CHOSEN,
            exclude={"train": self._undecided, "model": self._unhashed, "prepared": {"recipe"}},
        )
        if self.blend:
            del chosen["blend"]["member_keys"]
        return _without_none(chosen)

    @property
    def after(self) -> tuple[str, ...]:
        """``stage/arm/seed`` of the runs that this one needs."""
        needed = self.blend.members if self.blend else filter(None, (self.parent,))
        return tuple(f"{arm}/{self.seed}" for arm in needed)

    @property
    def roles(self) -> Roles | None:
        """How train is divided for it; None where it takes all of it."""
        part = self.system or self.blend
        return part.roles if part else None

    @property
    def data_hash(self) -> str:
        """How tables name the data that it was made from: files, labels and, where it has some, roles."""
        if self.roles is None:
            return self.data.hash
        return sha256_json([self.data.manifest_sha256, self.roles.sha256])[:_SHOWN]

    @property
    def _unhashed(self) -> set[str]:
        """What of ``model`` says where its weights lie; which they are, their own hash says."""
        return {"weights"} if self.model.weights_sha256 else {"weights", "weights_sha256"}

    @property
    def _undecided(self) -> set[str]:
        """What of ``train`` decides nothing: of a process alone, that it is alone; of lasting draws, how they fade."""
        alone = {"processes", "sync_batch_norm"} if self.train.processes == 1 else set()
        stays = {"fade"} if not self.train.resample or self.train.fade.by == 1 else set()
        return _NOT_DETERMINING | alone | stays

    @property
    def parameter_hash(self) -> str:
        """How tables name these parameters."""
        return sha256_json(self.parameters_resolved)[:_SHOWN]


def passes_read(rows: Sequence[RunSpec]) -> list[tuple[BlendSpec, int]]:
    """The unlike passes that some rows of a ladder read of a network: what each is, and how many images it shows."""
    unlike = {}
    for row in rows:
        if blend := row.blend:
            held = 0 if blend.as_trained else row.data.val + row.data.test
            shown = max(blend.passes, 1) * (blend.roles.holdout + held)
            unlike[blend.passes, blend.warp.model_dump_json(), blend.layer] = (blend, shown)
    return list(unlike.values())


def _without_none(fields: dict[str, Any]) -> dict[str, Any]:
    """What a run has not is no part of what it is: one that was made before others had it keeps its hash."""
    return {name: value for name, value in fields.items() if value is not None}


class RunResult(RunSpec):
    """``run.json`` of a finished run."""

    epoch_kept: int
    """Epoch (1 is the first) whose weights were evaluated."""
    parameters: int
    macs_per_image: int
    """Multiply-adds of one image's forward pass."""
    flags: list[str]
    """What a reader must know, for instance ``collapsed:score``: that head gives one grade to all of val."""
    cut: Cut | None = None
    """How its grades are made, where that was tuned for it; None: by its head's default rule."""


class Record(Section):
    """What a run took: everything that differs from one execution to the next."""

    started: str
    ended: str
    seconds: float
    images_per_second: float
    wait_share: float
    """Share of the training loop's time spent waiting for data, 0-1."""
    peak_memory_bytes: int
    host: str
    cpu: str = ""
    """Model of the processor; empty in the records of an older version."""
    gpu: str = ""
    """Graphics cards of the host; empty without one."""
    driver: str = ""
    """Theirs."""
    device: str
    """What the run was trained on."""
    precision: str
    threads: int
    packages: dict[str, str]
    git_commit: str
    git_dirty: bool
    resumed: int
    """How often the run was continued after it had been stopped."""
