"""What the evaluation wrote, as the report reads it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import fmean, stdev
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmark.common.csv_rows import read_rows
from benchmark.common.terms import Arm, Head, Split
from benchmark.evaluation.evaluate import METRICS_FILE, MetricRow
from benchmark.evaluation.tables import read_tables, refuse_gaps
from benchmark.runs.declared import runs_hash
from benchmark.scoring.kappa import GRADES
from benchmark.scoring.metrics import METRICS
from benchmark.statistics.intervals import INTERVALS, ArmInterval
from benchmark.statistics.metric_intervals import METRIC_INTERVALS, MetricInterval

_BY_STATISTICS = "fundusbench statistics"


@dataclass(frozen=True, slots=True)
class Measured:
    """Kappas of one arm, head and split, one per seed.

    Attributes:
        seeds: the seeds that ran, in declared order.
        kappas: one per seed; NaN where kappa is not defined.
        n: images of the split.
        runs: identity of the runs, from their keys.
        arm: stage and name.
        interval: of the mean, over seeds and patients; None where there is none for this head and split.
    """

    seeds: tuple[int, ...]
    kappas: tuple[float, ...]
    n: int
    runs: str
    arm: Arm
    interval: ArmInterval | None = None

    @property
    def mean(self) -> float:
        """Mean over seeds."""
        return fmean(self.kappas)

    @property
    def undefined(self) -> bool:
        """Whether a seed has no kappa, so that there is no mean."""
        return math.isnan(self.mean)

    @property
    def sd(self) -> float | None:
        """Sample standard deviation over seeds; None for a single seed, which has none, and where mean is NaN."""
        return None if len(self.kappas) < 2 or self.undefined else stdev(self.kappas)


@dataclass(frozen=True)
class Results:
    """The tables of ``evaluation/`` (:mod:`benchmark.evaluation.evaluate` makes them), and the kappas' intervals.

    What is asked of them time and again, by arm, is looked up once and kept.
    """

    runs: pd.DataFrame
    kappas: pd.DataFrame
    confusion: pd.DataFrame
    grades: pd.DataFrame
    curves: pd.DataFrame
    intervals: Mapping[tuple[str, str, str, str], ArmInterval]
    """By stage, arm, head and split."""
    metrics: Mapping[tuple[str, str, str, str, str], MetricInterval]
    """By stage, arm, head, split and metric."""

    @cached_property
    def data(self) -> str:
        """Name of the data set."""
        return str(self.runs["data"].iloc[0])

    @cached_property
    def synthetic(self) -> bool:
        """Whether the photographs are generated."""
        return bool(self.runs["synthetic"].iloc[0])

    def arms(self) -> list[Arm]:
        """Stage and name of each arm that ran, in declared order, those of other systems last."""
        return list(self._runs)

    @cached_property
    def level(self) -> str:
        """Nominal coverage of the kappas' intervals, in words."""
        return " or ".join(dict.fromkeys(f"{row.level * 100:g} %" for row in self.intervals.values()))

    def methods(self) -> list[Arm]:
        """The arms that ran but for those of other systems."""
        return [arm for arm, runs in self._runs.items() if not runs["system"].iloc[0]]

    def images(self, split: Split) -> int:
        """Images of a split."""
        return int(self._total(split)["images"])

    def size_of(self, split: Split) -> str:
        """Images and patients of a split, in words."""
        total = self._total(split)
        images, patients, unknown = (int(total[column]) for column in ("images", "patients", "unknown"))
        if not unknown:
            return f"{images} images of {patients} patients"
        if not patients:
            return f"{images} images (patients unknown: each image counts as its own)"
        return f"{images} images of {patients} patients ({unknown} images without a patient count as their own)"

    def measured(self, stage: str, arm: str, head: Head, split: Split) -> Measured | None:
        """What an arm's head got on a split by its rule; None where no seed ran."""
        return self._measured.get((stage, arm, head, split))

    def flags(self, stage: str, arm: str, head: Head) -> list[tuple[int, str]]:
        """Seed and flag of each run of an arm that a reader of this head must know of."""
        runs = self.runs_of(stage, arm)
        lines = zip(runs["seed"], runs["flags"], strict=True)
        pairs = [(int(seed), *flag.partition(":")[::2]) for seed, flags in lines for flag in flags.split()]
        return [(seed, flag) for seed, flag, about in pairs if about in ("", head)]

    def runs_of(self, stage: str, arm: str) -> pd.DataFrame:
        """Runs of one arm, one row per seed."""
        found = self._runs.get(Arm(stage, arm))
        return self.runs.iloc[:0] if found is None else found

    def curves_of(self, stage: str, arm: str) -> pd.DataFrame:
        """Learning curves of one arm, one row per seed and epoch."""
        return self.curves[(self.curves["stage"] == stage) & (self.curves["arm"] == arm)]

    def confusion_of(self, stage: str, arm: str) -> dict[tuple[str, str], npt.NDArray[np.int64]]:
        """Images of one arm by head and split: counts summed over seeds, shape (5, 5), labels in rows."""
        columns = ["head", "split", "label", "predicted", "count"]
        found = self.confusion[(self.confusion["stage"] == stage) & (self.confusion["arm"] == arm)]
        counts: dict[tuple[str, str], npt.NDArray[np.int64]] = {}
        for head, split, label, predicted, count in found[columns].itertuples(index=False, name=None):
            counts.setdefault((head, split), np.zeros((GRADES, GRADES), np.int64))[label, predicted] += count
        return counts

    @cached_property
    def _runs(self) -> Mapping[Arm, pd.DataFrame]:
        return {
            Arm(str(stage), str(arm)): rows for (stage, arm), rows in self.runs.groupby(["stage", "arm"], sort=False)
        }

    @cached_property
    def _measured(self) -> Mapping[tuple[str, str, str, str], Measured]:
        """By stage, arm, head and split."""
        groups = self.kappas.groupby(["stage", "arm", "head", "split"], sort=False)
        named = cast("Iterable[tuple[tuple[str, str, str, str], pd.DataFrame]]", groups)
        return {
            (stage, arm, head, split): Measured(
                seeds=tuple(rows["seed"].tolist()),
                kappas=tuple(rows["kappa"].tolist()),
                n=int(rows["n"].iloc[0]),
                runs=runs_hash(self.runs_of(stage, arm)["key"]),
                arm=Arm(stage, arm),
                interval=self.intervals.get((stage, arm, head, split)),
            )
            for (stage, arm, head, split), rows in named
        }

    def _total(self, split: Split) -> pd.Series[int]:
        return self.grades[(self.grades["split"] == split) & (self.grades["grade"] == "all")].iloc[0]


def load_results(root: Path = Path()) -> Results:
    """Read the tables of the evaluation, and the intervals.

    Args:
        root: the project's folder.

    Raises:
        InputError: there is no evaluation yet, or there are no statistics, or a table is not as it was written.
    """
    tables = read_tables(root)
    outcomes = set(_outcomes(tables["kappas"], ["stage", "arm", "head", "split"]))
    rows = read_rows(root / INTERVALS, ArmInterval, _BY_STATISTICS)
    named = [(row.stage, row.arm, row.head, row.split) for row in rows]
    refuse_gaps(root / INTERVALS, named, outcomes, _BY_STATISTICS)
    measured = read_rows(root / METRIC_INTERVALS, MetricInterval, _BY_STATISTICS)
    metrics = [(row.stage, row.arm, row.head, row.split, row.metric) for row in measured]
    refuse_gaps(root / METRIC_INTERVALS, metrics, _with_metrics(outcomes), _BY_STATISTICS)
    intervals = dict(zip(named, rows, strict=True))
    return Results(**tables, intervals=intervals, metrics=dict(zip(metrics, measured, strict=True)))


def read_metrics(results: Results) -> list[MetricRow]:
    """Every metric of every run.

    Raises:
        InputError: there is no evaluation yet, or the table is not as it was written.
    """
    rows = read_rows(METRICS_FILE, MetricRow, "fundusbench evaluate")
    found = ((row.stage, row.arm, row.head, row.split, row.seed, row.metric) for row in rows)
    due = _outcomes(results.kappas, ["stage", "arm", "head", "split", "seed"])
    refuse_gaps(METRICS_FILE, found, _with_metrics(due), "fundusbench evaluate")
    return rows


def _outcomes(kappas: pd.DataFrame, columns: list[str]) -> Iterator[tuple[Any, ...]]:
    return kappas[columns].itertuples(index=False, name=None)


def _with_metrics(outcomes: Iterable[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    """Each outcome, whose third part is a head, with each metric that the head has."""
    for outcome in outcomes:
        yield from ((*outcome, name) for name, metric in METRICS.items() if metric.head in (None, outcome[2]))
