"""Where the predictions of a run on another data set are kept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from benchmark.runs.run import SCRATCH, Run

TRANSFER, WORK = Path("transfer"), SCRATCH / "transfer"


SETS = TRANSFER / "sets.csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherSet:
    """A data set on which the runs were not trained."""

    name: str
    """In ``params.transfer``."""
    data: str
    """What it calls itself."""
    synthetic: bool
    images: int
    """Of its test split, as prepared."""
    patients: str
    shared: int
    """Files of them that also lie in train or val of the set that the runs were trained on."""


def predictions_path(name: str, result: Run, root: Path = TRANSFER) -> Path:
    """Where the predictions of a run on another set lie under ``root``."""
    return result.folder(root / name).with_suffix(".csv")


def mark_of(predictions: Path) -> Path:
    """The file that names what predictions were made from."""
    return predictions.with_suffix(".json")
