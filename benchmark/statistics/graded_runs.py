"""Predicted grades of every finished run, which all statistics are computed from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from benchmark.common.errors import InputError
from benchmark.common.resources import core_count
from benchmark.common.terms import EVALUATED, Arm, Head, Split
from benchmark.runs.declared import by_arm, find_runs
from benchmark.runs.predictions import Predictions, read_predictions
from benchmark.runs.run import RUNS, DataSummary
from benchmark.runs.spec import RunResult
from benchmark.scoring.rules import grades_of
from benchmark.settings.params import Params
from benchmark.statistics.bootstrap import Graded, graded
from benchmark.statistics.readings import Reading, read_output

STATISTICS = Path("statistics")
BOTH = "seeds and patients"
ALONE = "patients alone"
"""Resampled units of an arm with a single seed."""

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, eq=False, slots=True)
class GradedRuns:
    """Every finished run with its predicted grades.

    Attributes:
        runs: runs of each arm, in the order of their seeds.
        grades: predicted grades of these runs, by arm, head and split.
        outputs: predictions behind the grades, by arm and split.
        readings: grades under every common decision rule, by arm, head and split.
    """

    runs: Mapping[Arm, Sequence[RunResult]]
    grades: Mapping[tuple[Arm, Head, Split], Graded]
    outputs: Mapping[tuple[Arm, Split], Sequence[Predictions]] = field(default_factory=dict)
    readings: Mapping[tuple[Arm, Head, Split], Reading] = field(default_factory=dict)

    @property
    def data(self) -> DataSummary:
        """Data set of all runs."""
        return next(iter(self.runs.values()))[0].data

    def seeds(self, *arms: Arm) -> str:
        """Return the seeds of some arms in words: one list where they agree."""
        lists = [" ".join(str(run.seed) for run in self.runs[arm]) for arm in arms]
        return " | ".join(dict.fromkeys(lists))

    def resampled(self, *arms: Arm) -> str:
        """Return the resampled units of an interval of these arms."""
        return BOTH if all(len(self.runs[arm]) > 1 for arm in arms) else ALONE


def read_graded_runs(params: Params) -> GradedRuns:
    """Read the predictions of every finished run and grade each by its own decision rule.

    Raises InputError if no run is finished, or an arm's runs differ in their images or labels.
    """
    runs = by_arm(find_runs(params))
    if not runs:
        msg = f"statistics need a finished run, but {RUNS}/ contains none of the declared arms: run `dvc repro` first"
        raise InputError(msg)
    grades: dict[tuple[Arm, Head, Split], Graded] = {}
    outputs: dict[tuple[Arm, Split], Sequence[Predictions]] = {}
    for arm, results in runs.items():
        for split in EVALUATED:
            predictions = [read_predictions(result.folder() / f"{split}.csv") for result in results]
            outputs[arm, split] = predictions
            for head in results[0].heads:
                found = [grades_of(run, head, one) for run, one in zip(results, predictions, strict=True)]
                grades[arm, head, split] = graded(predictions, found, [run.seed for run in results])

    def read(key: tuple[Arm, Head, Split]) -> Reading:
        arm, head, split = key
        by_split: dict[Split, Sequence[Predictions]] = {one: outputs[arm, one] for one in EVALUATED}
        return read_output(head, split, by_split, grades[key].seed_ids)

    return GradedRuns(runs, grades, outputs, dict(zip(grades, on_every_core(read, grades), strict=True)))


def on_every_core(work: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """Map in threads, in the order of the items; random draws and sums release the interpreter's lock."""
    with ThreadPoolExecutor(core_count()) as pool:
        return list(pool.map(work, items))
