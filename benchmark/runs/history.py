"""A run's learning curve as training writes it: ``history.csv``, one line per finished epoch."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from pathlib import Path

HISTORY = "history.csv"


def read_history(folder: Path) -> list[dict[str, str]]:
    """Text by column of each finished epoch; none where there is no file.

    Args:
        folder: the run's.
    """
    path = folder / HISTORY
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def numbers(epoch: Mapping[str, str]) -> dict[str, float]:
    """The numbers of an epoch; what is empty or not finite, as an undefined kappa, is left out."""
    found = {name: float(text) for name, text in epoch.items() if text}
    return {name: value for name, value in found.items() if math.isfinite(value)}
