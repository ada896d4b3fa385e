"""Every finished run's grades, once decoded: what the statistics are computed from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar, cast

from benchmark.common.errors import InputError
from benchmark.common.resources import core_count
from benchmark.common.terms import EVALUATED, Arm, Head, Split
from benchmark.runs.declared import by_arm, find_runs
from benchmark.runs.predictions import Predictions, read_predictions
from benchmark.runs.spec import RUNS, DataSummary, RunResult
from benchmark.scoring.rules import grades_of
from benchmark.settings.params import Params
from benchmark.statistics.bootstrap import Graded, graded

STATISTICS = Path("statistics")


ALONE = "patients alone"
"""What an interval is taken over where an arm ran with a single seed."""


T = TypeVar("T")


R = TypeVar("R")


@dataclass(frozen=True, eq=False, slots=True)
class Decoded:
    """Every finished run, decoded.

    Attributes:
        runs: the runs of each arm, in the order of their seeds.
        grades: the same runs' grades, by arm, head and split.
        outputs: what they were decoded from, by arm and split.
    """

    runs: Mapping[Arm, Sequence[RunResult]]
    grades: Mapping[tuple[Arm, Head, Split], Graded]
    outputs: Mapping[tuple[Arm, Split], Sequence[Predictions]] = field(default_factory=dict)

    @property
    def data(self) -> DataSummary:
        """The data set of all runs."""
        return next(iter(self.runs.values()))[0].data

    def seeds(self, *arms: Arm) -> str:
        """Seeds of some arms in words: one list where they agree."""
        lists = [" ".join(str(run.seed) for run in self.runs[arm]) for arm in arms]
        return " | ".join(dict.fromkeys(lists))

    def over(self, *arms: Arm) -> str:
        """What an interval of these arms is taken over."""
        return "seeds and patients" if all(len(self.runs[arm]) > 1 for arm in arms) else ALONE


def read_decoded(params: Params) -> Decoded:
    """Read the predictions of every finished run and decode them, each by its rule.

    Raises:
        InputError: there is no finished run, or an arm's runs differ in their images or labels.
    """
    runs = runs_by_arm(params)
    grades: dict[tuple[Arm, Head, Split], Graded] = {}
    outputs: dict[tuple[Arm, Split], Sequence[Predictions]] = {}
    for arm, results in runs.items():
        for split in EVALUATED:
            predictions = [read_predictions(result.folder() / f"{split}.csv") for result in results]
            outputs[arm, split] = predictions
            for head in cast("list[Head]", results[0].heads):
                found = [grades_of(run, head, one) for run, one in zip(results, predictions, strict=True)]
                grades[arm, head, split] = graded(predictions, found)
    return Decoded(runs, grades, outputs)


def runs_by_arm(params: Params) -> dict[Arm, list[RunResult]]:
    """The finished runs of each declared arm that has any, in the order of their seeds.

    Raises:
        InputError: there is no finished run.
    """
    runs = by_arm(find_runs(params))
    if not runs:
        msg = f"statistics need a finished run, but {RUNS}/ holds none of the declared arms: run `dvc repro` first"
        raise InputError(msg)
    return runs


def on_every_core(work: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """Results in the order of the items. Threads do, for drawing and summing run outside the interpreter's lock."""
    with ThreadPoolExecutor(core_count()) as pool:
        return list(pool.map(work, items))
