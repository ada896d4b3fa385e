"""The learning curve that training writes: ``history.csv``, one line per finished epoch."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from pathlib import Path

HISTORY = "history.csv"


def read_history(folder: Path) -> list[dict[str, str]]:
    """Return the text by column of each finished epoch; an empty list if the file does not exist.

    Args:
        folder: folder of the run.
    """
    path = folder / HISTORY
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def numbers(epoch: Mapping[str, str]) -> dict[str, float]:
    """Return the finite numbers of an epoch, without for instance an undefined kappa."""
    found = {name: float(text) for name, text in epoch.items() if text}
    return {name: value for name, value in found.items() if math.isfinite(value)}
