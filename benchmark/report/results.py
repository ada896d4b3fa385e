"""Tables of the evaluation and the estimates of the statistics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmark.common.errors import InputError
from benchmark.common.terms import GRADES, Arm, Head, Split
from benchmark.evaluation.tables import EVALUATION, EVALUATION_COLUMNS, read_evaluation_table
from benchmark.statistics.estimates import ESTIMATES, Estimate, read_estimates, select


@dataclass(frozen=True)
class Results:
    """Tables of ``evaluation/``, which :mod:`benchmark.evaluation.evaluate` writes, and all estimates."""

    runs: pd.DataFrame
    confusion: pd.DataFrame
    grades: pd.DataFrame
    curves: pd.DataFrame
    estimates: Sequence[Estimate]

    @cached_property
    def data(self) -> str:
        """Name of the data set."""
        return str(self.runs["data"].iloc[0])

    @cached_property
    def synthetic(self) -> bool:
        """True if the photographs are generated."""
        return bool(self.runs["synthetic"].iloc[0])

    def arms(self) -> list[Arm]:
        """Return each arm that ran, in declared order, those of compared systems last."""
        return list(self._runs)

    @cached_property
    def kappa_estimates(self) -> list[Estimate]:
        """Kappa of each arm, head and split under the arm's own decision rule."""
        return select(self.estimates, kind="metric", quantity="kappa")

    @cached_property
    def confidence_level(self) -> str:
        """Nominal coverage of the kappas' intervals, in words."""
        return " or ".join(dict.fromkeys(f"{row.confidence_level * 100:g} %" for row in self.kappa_estimates))

    def methods(self) -> list[Arm]:
        """Return the arms that ran, without those of compared systems."""
        return [arm for arm, runs in self._runs.items() if not runs["system"].iloc[0]]

    def heads_of(self, arm: Arm) -> list[Head]:
        """Return the outputs of an arm that ran, the main one first."""
        rows = select(self.kappa_estimates, split="val")
        return [cast("Head", row.head) for row in rows if (row.method, row.arm) == arm]

    def images(self, split: Split) -> int:
        """Return the number of images of a split."""
        return int(self._total(split)["images"])

    def size_of(self, split: Split) -> str:
        """Return the number of images and patients of a split, in words."""
        total = self._total(split)
        images, patients, unknown = (int(total[column]) for column in ("images", "patients", "unknown"))
        if not unknown:
            return f"{images} images of {patients} patients"
        if not patients:
            return f"{images} images (patients unknown: each image counts as its own)"
        return f"{images} images of {patients} patients ({unknown} images without a patient count as their own)"

    def measured(self, arm: Arm, head: Head, split: Split, metric: str = "kappa") -> Estimate | None:
        """Return the estimate of a metric of an arm's head by its own rule; None if no seed ran."""
        return self._measured.get((*arm, head, split, metric))

    def runs_of(self, method: str, arm: str) -> pd.DataFrame:
        """Return the runs of one arm, one row per seed."""
        found = self._runs.get(Arm(method, arm))
        return self.runs.iloc[:0] if found is None else found

    def curves_of(self, method: str, arm: str) -> pd.DataFrame:
        """Return the learning curves of one arm, one row per seed and epoch."""
        return self.curves[(self.curves["method"] == method) & (self.curves["arm"] == arm)]

    def confusion_of(self, method: str, arm: str) -> dict[tuple[str, str], npt.NDArray[np.int64]]:
        """Return the confusion matrices of one arm by head and split, summed over seeds; labels are in rows."""
        found = self.confusion[(self.confusion["method"] == method) & (self.confusion["arm"] == arm)]
        counts: dict[tuple[str, str], npt.NDArray[np.int64]] = {}
        for (head, split), rows in found.groupby(["head", "split"]):
            matrix = counts[str(head), str(split)] = np.zeros((GRADES, GRADES), np.int64)
            np.add.at(matrix, (rows["label"], rows["predicted"]), rows["count"])
        return counts

    @cached_property
    def _runs(self) -> Mapping[Arm, pd.DataFrame]:
        return {
            Arm(str(method), str(arm)): rows for (method, arm), rows in self.runs.groupby(["method", "arm"], sort=False)
        }

    @cached_property
    def _measured(self) -> Mapping[tuple[str, str, str, str, str], Estimate]:
        """Estimates by method, arm, head, split and metric."""
        rows = select(self.estimates, kind="metric")
        return {(row.method, row.arm, row.head, row.split, row.quantity): row for row in rows}

    def _total(self, split: Split) -> pd.Series[int]:
        return self.grades[(self.grades["split"] == split) & (self.grades["grade"] == "all")].iloc[0]


def load_results(root: Path = Path()) -> Results:
    """Read the tables of the evaluation, and the estimates, of the project in a folder.

    Raises InputError if evaluation or statistics have not run, or ran on different runs, or a table is damaged.
    """
    tables = {name: read_evaluation_table(name, root) for name in EVALUATION_COLUMNS}
    results = Results(**tables, estimates=read_estimates(root))
    estimated = {Arm(row.method, row.arm) for row in results.kappa_estimates}
    if estimated != set(results.arms()):
        wrong = min(estimated ^ set(results.arms()))
        msg = f"{ESTIMATES} must be of the runs in {EVALUATION}/, but differs in {wrong}: run `fundusbench statistics`"
        raise InputError(msg)
    return results
