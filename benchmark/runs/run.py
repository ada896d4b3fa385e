"""What runs of every kind have: identity, outcome, record, and where each is kept.

``runs/<method>/<arm>/<seed>/`` holds only files that an identical retraining reproduces bit by bit. Times, host and
commit are in ``records/<method>/<arm>/<seed>.json``. Runs in progress and earlier runs are in ``scratch/``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Self

from benchmark.common.files import sha256_json
from benchmark.common.section import Section
from benchmark.common.terms import Head

RUNS, RECORDS, SCRATCH = Path("runs"), Path("records"), Path("scratch")
WEIGHTS = "model.safetensors"
"""Weights of a network, or what a blend has learnt."""

SHOWN_DIGITS = 16
"""Digits of a hash that tables show."""


class PluginChoice(Section):
    """A plug-in and its parameters."""

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
        """Short hash of files and labels, as tables show it."""
        return self.manifest_sha256[:SHOWN_DIGITS]


class Holdout(Section):
    """The split of a system's train patients: those whom its networks fit, and those held out for its blends."""

    fraction: float
    """Fraction of the patients that is held out."""
    fit_images: int
    """Train images that the networks fit."""
    held_images: int
    """Train images that blends and their thresholds are fitted on."""
    sha256: str
    """Hash of every image's role."""


class TunedThresholds(Section):
    """A decision rule with the thresholds that were tuned for a run on its held-out patients."""

    head: Head
    rule: str
    """A key of :data:`benchmark.scoring.decision_rules.registry.DECISION_RULES`."""
    values: tuple[float, float, float, float]


class Run(Section):
    """What every kind of run has, and the interface that callers use.

    With portable numbers, two runs with one ``key`` are bit-identical anywhere.
    """

    method: str
    arm: str
    seed: int
    heads: list[Head]
    """Outputs that it predicts, the main one first."""
    data: DataSummary
    holdout: Holdout | None = None
    """The split of the train patients; None where the run uses all of them."""
    code_sha256: str = ""
    """Hash of the code, and of the versions of the libraries, that decide what comes of the rest."""
    key: str = ""

    files: ClassVar[tuple[str, ...]]
    """Files of the finished run in ``runs/``."""
    builds_network: ClassVar[bool] = False
    """Whether its weights are those of one network, which grades a single image."""

    def folder(self, root: Path = RUNS) -> Path:
        """Folder of the run under ``root``."""
        return root / self.method / self.arm / str(self.seed)

    @property
    def title(self) -> str:
        """The run in messages."""
        return f"{self.method}/{self.arm} seed {self.seed}"

    @property
    def name(self) -> str:
        """``method/arm/seed``."""
        return f"{self.method}/{self.arm}/{self.seed}"

    @property
    def group(self) -> str:
        """``method/arm``; runs that share what they read are predicted as one group."""
        return f"{self.method}/{self.arm}"

    @property
    def system(self) -> str:
        """The compared system that it belongs to; empty for an arm of the paper."""
        return ""

    @property
    def needs(self) -> dict[str, str]:
        """Key of each run that it is made from, by ``method/arm/seed``."""
        return {}

    @property
    def predicts_with(self) -> dict[str, str]:
        """Key of each further run that it needs to predict new images, by ``method/arm/seed``."""
        return {}

    @property
    def train_images(self) -> int:
        """Train images that it is fitted on."""
        return self.holdout.fit_images if self.holdout else self.data.train

    def with_key(self) -> Self:
        """Return the same run with its key: a hash of all that determines it."""
        return self.model_copy(update={"key": sha256_json(self._without(key=True))})

    @property
    def parameters_resolved(self) -> dict[str, Any]:
        """Every parameter of the run, defaults included: the same for all seeds of an arm, whatever the data."""
        return self._without(**dict.fromkeys(_NOT_CHOSEN, True))

    @property
    def parameter_hash(self) -> str:
        """Short hash of the parameters, as tables show it."""
        return sha256_json(self.parameters_resolved)[:SHOWN_DIGITS]

    @property
    def data_hash(self) -> str:
        """Short hash of files, labels and, where there is one, holdout, as tables show it."""
        if self.holdout is None:
            return self.data.hash
        return sha256_json([self.data.manifest_sha256, self.holdout.sha256])[:SHOWN_DIGITS]

    def _without(self, **left_out: Any) -> dict[str, Any]:
        """Dump the run for a hash, less some fields, metadata that decides nothing, and what is None."""
        found = self.model_dump(mode="json", exclude=self._undecided | left_out)
        return {name: value for name, value in found.items() if value is not None}

    @property
    def _undecided(self) -> dict[str, Any]:
        """Fields excluded from the key."""
        return {}


class Outcome(Section):
    """What came of a run, whatever its kind."""

    flags: list[str]
    """What a reader must know, for instance ``collapsed:score``: that head predicts a single grade for all of val."""
    tuned_thresholds: TunedThresholds | None = None
    """Thresholds tuned for the run; None where the default rules of its heads apply."""
    epoch_kept: int = 0
    """Epoch (1 is the first) whose weights were evaluated; 0 where it has no epochs."""
    parameters: int = 0
    macs_per_image: int = 0
    """Multiply-adds of one image's forward pass."""


_NOT_CHOSEN = {"seed", "parent_key", "member_keys", "data", "code_sha256", "key", *Outcome.model_fields}
"""Fields of a run that are no parameters."""


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
    """Version of the GPU driver."""
    device: str
    """Device that the run was trained on."""
    precision: str
    threads: int
    packages: dict[str, str]
    git_commit: str
    git_dirty: bool
    resumed: int
    """How often the run was continued after it had been stopped."""
