"""A run: what determines it (spec), what came of it (result), what it took (record), and where each is kept.

``runs/<stage>/<arm>/<seed>/`` holds only what an identical retraining reproduces bit by bit; times, host and commit are
in ``records/<stage>/<arm>/<seed>.json``. A run in progress lives in ``scratch/`` under the same names.
"""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmark.common.errors import InputError
from benchmark.common.files import read_json, sha256_file, sha256_json, write_json
from benchmark.data.manifest import Row
from benchmark.runs.environment import hardware
from benchmark.runs.epochs import epochs_of
from benchmark.settings.params import Cells, Model, Params, Section, Size, Train
from models.losses.registry import LOSSES

RUNS, RECORDS, SCRATCH = Path("runs"), Path("records"), Path("scratch")

_ROOT = Path(__file__).resolve().parent.parent
_CODE = (
    "benchmark/training/train.py",
    "benchmark/training/batches.py",
    "benchmark/training/augment.py",
    "benchmark/training/randomness.py",
    "models/network.py",
    "models/multicell.py",
)
"""The files whose text determines a run, beside its loss."""
_NOT_CHOSEN = {"seed", "parent_key", "data", "code_sha256", "key"}
"""What a run's specification holds beside its parameters."""
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


class RunSpec(Section):
    """All that determines a run; two runs with one ``key`` are bit-identical on one machine."""

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
    model: Model
    train: Train
    code_sha256: str
    key: str = ""

    def folder(self, root: Path = RUNS) -> Path:
        """Where the run lies under ``root``."""
        return root / self.stage / self.arm / str(self.seed)

    @property
    def title(self) -> str:
        """How messages call the run."""
        return f"{self.stage}/{self.arm} seed {self.seed}"

    @property
    def parameters_resolved(self) -> dict[str, Any]:
        """All that was chosen for the run, defaults included: the same for every seed of an arm, whatever the data."""
        return self.model_dump(mode="json", include=set(RunSpec.model_fields) - _NOT_CHOSEN)

    @property
    def parameter_hash(self) -> str:
        """How tables name these parameters."""
        return sha256_json(self.parameters_resolved)[:_SHOWN]


class RunResult(RunSpec):
    """``run.json`` of a finished run."""

    epoch_kept: int
    """Epoch (1 is the first) whose weights were evaluated."""
    parameters: int
    macs_per_image: int
    """Multiply-adds of one image's forward pass."""
    flags: list[str]
    """What a reader must know, for instance ``collapsed:score``: that head gives one grade to all of val."""


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


def _code_sha256(objective: str) -> str:
    return sha256_json([sha256_file(_ROOT / path) for path in (*_CODE, f"models/losses/{objective}.py")])


def environment() -> dict[str, Any]:
    """Host, hardware, package versions and git state, as fields of :class:`Record`."""
    commit = _git("rev-parse", "HEAD")
    # What the pipeline itself writes does not make the code that ran another.
    dirty = _git("status", "--porcelain", "--", ".", ":!dvc.lock", ":!reports", ":!params.yaml")
    packages = ("torch", "timm", "lightning-fabric", "numpy", "pyarrow", "fundusbench")
    return {
        "host": platform.node(),
        **hardware(),
        "packages": {"python": platform.python_version(), **{name: version(name) for name in packages}},
        "git_commit": commit or "unknown",
        "git_dirty": bool(dirty),
    }


def _git(*arguments: str) -> str:
    """Output of a git command in the project, or nothing where there is no repository."""
    try:
        done = subprocess.run(("git", *arguments), cwd=_ROOT, capture_output=True, text=True, check=True, timeout=30)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def now() -> str:
    """The time, ISO 8601 in UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")
