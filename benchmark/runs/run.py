"""The common interface of all kinds of runs: identity, outcome, record, and their folders.

``runs/<method>/<arm>/<seed>/`` contains only files that an identical retraining reproduces bit by bit. Times, host and
commit are in ``records/<method>/<arm>/<seed>.json``. Runs in progress and earlier runs are in ``scratch/``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import Field

from benchmark.common.files import sha256_json
from benchmark.common.section import Section
from benchmark.common.terms import Head

RUNS, RECORDS, SCRATCH = Path("runs"), Path("records"), Path("scratch")
RESULT, WEIGHTS = "run.json", "model.safetensors"
"""Description of a run; weights of its network, or fitted parameters of its blend."""

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
    """Hash of ids, patients, eyes, grades, splits and file hashes; independent of the files' location."""
    train: int
    """Images."""
    val: int
    test: int

    @property
    def hash(self) -> str:
        """Short hash of files and labels for tables."""
        return self.manifest_sha256[:SHOWN_DIGITS]


class Holdout(Section):
    """Split of a system's train patients: some for fitting its networks, the others held out for its blends."""

    fraction: float
    """Fraction of the patients that are held out."""
    fit_images: int
    """Number of train images that the networks are fitted on."""
    held_images: int
    """Number of train images that blends and their thresholds are fitted on."""
    sha256: str
    """Hash of every image's role."""


class TunedThresholds(Section):
    """A decision rule, with thresholds tuned for a run on its held-out patients."""

    head: Head
    rule: str
    """A key of :data:`benchmark.scoring.decision_rules.registry.DECISION_RULES`."""
    values: tuple[float, float, float, float]


class Run(Section):
    """The common fields and interface of all kinds of runs.

    With portable numerics, two runs with one ``key`` are bit-identical anywhere.
    """

    method: str
    arm: str
    seed: int
    heads: list[Head]
    """Outputs of the run, the main one first."""
    data: DataSummary
    holdout: Holdout | None = None
    """Split of the train patients; None if the run uses all of them."""
    code_sha256: str = ""
    """Hash of the code and of the library versions that determine the result."""
    key: str = ""

    files: ClassVar[tuple[str, ...]]
    """Files of the finished run in ``runs/``."""
    builds_network: ClassVar[bool] = False
    """True if the run trains one network, which can grade a single image."""

    def folder(self, root: Path = RUNS) -> Path:
        """Folder of the run under ``root``."""
        return root / self.method / self.arm / str(self.seed)

    @property
    def title(self) -> str:
        """Name of the run in messages."""
        return f"{self.method}/{self.arm} seed {self.seed}"

    @property
    def name(self) -> str:
        """``method/arm/seed``."""
        return f"{self.method}/{self.arm}/{self.seed}"

    @property
    def group(self) -> str:
        """``method/arm``; runs of one group share their inputs and are predicted together."""
        return f"{self.method}/{self.arm}"

    @property
    def system(self) -> str:
        """Name of the run's compared system; empty for an arm of the paper."""
        return ""

    @property
    def needs(self) -> dict[str, str]:
        """Key of each run that this one starts from or reads, by ``method/arm/seed``."""
        return {}

    @property
    def predicts_with(self) -> dict[str, str]:
        """Key of each further run that predictions on new images require, by ``method/arm/seed``."""
        return {}

    @property
    def train_images(self) -> int:
        """Number of train images that the run is fitted on."""
        return self.holdout.fit_images if self.holdout else self.data.train

    def with_key(self) -> Self:
        """Return the same run with its key: a hash of every field that affects its result."""
        return self.model_copy(update={"key": sha256_json(self._without(key=True))})

    @property
    def parameters_resolved(self) -> dict[str, Any]:
        """Every parameter of the run, including defaults; independent of seed and data."""
        return self._without(**dict.fromkeys(_NOT_PARAMETERS, True))

    @property
    def parameter_hash(self) -> str:
        """Short hash of the parameters for tables."""
        return sha256_json(self.parameters_resolved)[:SHOWN_DIGITS]

    @property
    def data_hash(self) -> str:
        """Short hash of files, labels and any holdout for tables."""
        if self.holdout is None:
            return self.data.hash
        return sha256_json([self.data.manifest_sha256, self.holdout.sha256])[:SHOWN_DIGITS]

    def _without(self, **excluded: Any) -> dict[str, Any]:
        """Dump the run for a hash, without some fields, those excluded from the key, and None."""
        fields = self.model_dump(mode="json", exclude=self._excluded_from_key | excluded)
        return {name: value for name, value in fields.items() if value is not None}

    @property
    def _excluded_from_key(self) -> dict[str, Any]:
        """Fields excluded from the key."""
        return {}


class Outcome(Section):
    """Outcome of a run of any kind."""

    sha256: dict[str, str] = Field(default_factory=dict)
    """SHA-256 of each file of the finished run, and of the other fields as ``run.json``."""
    flags: list[str]
    """Warnings, for instance ``collapsed:score``: that head predicts a single grade for all of val."""
    tuned_thresholds: TunedThresholds | None = None
    """Thresholds tuned for the run; None if the default rules of its heads apply."""
    epoch_kept: int = 0
    """Epoch (1 is the first) whose weights were evaluated; 0 for a blend."""
    parameters: int = 0
    macs_per_image: int = 0
    """Multiply-adds of one image's forward pass."""


_NOT_PARAMETERS = {
    *("seed", "parent_key", "member_keys", "files_sha256", "data", "code_sha256", "key"),
    *Outcome.model_fields,
}
"""Fields of a run that are not parameters."""


class Record(Section):
    """Record of an execution: everything that differs from one execution to the next."""

    started: str
    ended: str
    seconds: float
    images_per_second: float
    wait_share: float
    """Fraction of the training loop's time spent waiting for data."""
    peak_memory_bytes: int
    host: str
    cpu: str = ""
    """Model of the processor; empty in records of an older version."""
    gpu: str = ""
    """GPUs of the host; empty without one."""
    driver: str = ""
    """GPU driver version."""
    device: str
    """Device of the training."""
    precision: str
    threads: int
    packages: dict[str, str]
    git_commit: str
    git_dirty: bool | None
    """Whether files differed from the commit; None if that is unknown."""
    resumed: int
    """Number of times that the run was resumed."""
