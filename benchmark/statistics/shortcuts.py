"""Kappa of grades that were predicted without the retina, on the photographs and on the prepared squares."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, get_args

import numpy as np

from benchmark.common.csv_rows import read_rows
from benchmark.data.manifest import DATA
from benchmark.data.packs import PACKS
from benchmark.data.shortcuts import SHORTCUTS, ShortcutRow
from benchmark.runs.run import DataSummary
from benchmark.statistics.bootstrap import Graded, kappa_interval
from benchmark.statistics.estimates import Estimate, interval_columns
from benchmark.statistics.graded_runs import ALONE

Pictures = Literal["photographs", "squares"]
PICTURES: tuple[Pictures, ...] = get_args(Pictures)
"""Pictures that shortcuts are measured on: as the data set has them, and as networks see them."""
_FILES = {"photographs": (DATA, "fundusbench fetch"), "squares": (PACKS, "fundusbench prepare")}


def shortcut_estimates(data: DataSummary) -> Iterator[Estimate]:
    """Yield kappa of each set of features on val and test with its interval over patients; none that is unknown."""
    for pictures, (folder, command) in _FILES.items():
        path = folder / SHORTCUTS
        groups: dict[tuple[str, str], list[ShortcutRow]] = {}
        for row in read_rows(path, ShortcutRow, command) if path.exists() else ():
            groups.setdefault((row.features, row.split), []).append(row)
        for (features, split), rows in groups.items():
            yield _estimate(pictures, features, split, rows, data)


def _estimate(pictures: str, features: str, split: str, rows: list[ShortcutRow], data: DataSummary) -> Estimate:
    grades = Graded(
        np.array([row.image_id for row in rows]),
        np.array([row.patient for row in rows]),
        np.array([row.grade for row in rows], np.int64),
        np.array([[row.predicted for row in rows]], np.int64),
    )
    return Estimate(
        kind="shortcut",
        about=pictures,
        rule=features,
        tuned_on="train",
        split=split,
        quantity="kappa",
        resampled=ALONE,
        seeds="",
        **interval_columns(kappa_interval(grades), grades, data),
    )
