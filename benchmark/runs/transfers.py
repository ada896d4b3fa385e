"""Files of the predictions of runs on other data sets."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from benchmark.runs.run import SCRATCH, Run

TRANSFER, WORK = Path("transfer"), SCRATCH / "transfer"
SETS = TRANSFER / "sets.csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherSet:
    """A data set that the runs were not trained on."""

    name: str
    """Key of ``params.transfer``."""
    data: str
    """Name of the data set."""
    synthetic: bool
    images: int
    """Number of images of its prepared test split."""
    patients: str
    shared: int
    """Number of files that are also in train or val of the data set that the runs were trained on."""


def predictions_path(name: str, result: Run, root: Path = TRANSFER) -> Path:
    """Return the path of the predictions of a run on another data set."""
    return result.folder(root / name).with_suffix(".csv")


def inputs_path(predictions: Path) -> Path:
    """Return the path of the file that identifies the inputs of predictions."""
    return predictions.with_suffix(".json")
