"""How much the rule from output to grade matters: every arm under every decoder, beside what needs no image at all.

Only predictions are read. A rule whose cuts are tuned gets them per run, from that run's predictions on val, and grades
val and test by them; its rows say on which split it was tuned.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np

from benchmark.common.arrays import Grades
from benchmark.common.csv_rows import write_rows
from benchmark.common.cuts import Cuts
from benchmark.common.terms import EVALUATED, Arm, Head, Split
from benchmark.runs.predictions import Predictions, patients_in_words
from benchmark.runs.spec import DataSummary, RunResult
from benchmark.scoring.decoders.registry import DECODERS, applicable, decode, fit_on
from benchmark.scoring.rules import HOLDOUT, grades_of
from benchmark.statistics.baselines import FROM, YARDSTICKS, yardsticks
from benchmark.statistics.bootstrap import REPLICATES, Graded, graded, kappa_interval
from benchmark.statistics.comparison import compare
from benchmark.statistics.decoded import STATISTICS, Decoded, on_every_core

DECODING, SPREAD, CUTS = (STATISTICS / f"{name}.csv" for name in ("decoding", "spread", "cuts"))

TUNED_ON: Split = "val"
"""Where cuts are tuned."""

Outputs = Mapping[Split, Predictions]
"""What one run predicts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodedRow:
    """Kappa of one arm and head, or of a yardstick, on one split under one rule."""

    stage: str
    """Empty for a yardstick, like ``arm`` and ``head``."""
    arm: str
    split: str
    head: str
    rule: str
    """A key of :data:`.DECODERS` or of :data:`.YARDSTICKS`."""
    tuned_on: str
    """The split, or role of train, whose labels the rule was made for; empty where it was made beforehand."""
    kappa: float
    """Mean over seeds; NaN where it is not defined."""
    sd: float
    """Sample standard deviation over seeds; NaN for one."""
    low: float
    high: float
    error: float
    """Standard error."""
    level: float
    over: str
    """What the interval is over: seeds and patients, or patients alone."""
    images: int
    """0 for a yardstick that applies to no image."""
    patients: str
    seeds: str
    replicates: int
    undefined: int
    """Replicates without a kappa, left out."""
    data: str
    synthetic: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SpreadRow:
    """How far apart the rules of one arm and head lie on one split; a rule tuned on that very split does not count."""

    stage: str
    arm: str
    split: str
    head: str
    highest: str
    """The rule with the highest kappa."""
    lowest: str
    difference: float
    """Between these two, on the same images by the same runs."""
    low: float
    """End of its paired interval, which does not know that the two were chosen by their kappas."""
    high: float
    level: float
    over: str
    images: int
    patients: str
    seeds: str
    data: str
    synthetic: bool


@dataclass(frozen=True, slots=True)
class CutsRow:
    """Cuts that were tuned for one run, and what they were tuned on."""

    stage: str
    arm: str
    seed: int
    head: str
    rule: str
    tuned_on: str
    images: int
    cut_1: float
    """Where grade 0 ends and 1 begins; and so on."""
    cut_2: float
    cut_3: float
    cut_4: float


@dataclass(frozen=True, eq=False, slots=True)
class Ruled:
    """One arm and head, or a yardstick, on one split under one rule: its grades, and what a row says of them."""

    arm: Arm
    head: str
    rule: str
    tuned_on: str
    split: Split
    seeds: Sequence[int]
    grades: Graded
    data: DataSummary

    @property
    def over(self) -> str:
        """What an interval of it is over."""
        return "seeds and patients" if len(self.grades.predicted) > 1 else "patients alone"


def run(decoded: Decoded) -> None:
    """Write ``statistics/decoding.csv``, ``statistics/spread.csv`` and ``statistics/cuts.csv``."""
    ruled: list[Ruled] = []
    cuts: list[CutsRow] = []
    outputs: list[Outputs] = []
    for arm, results in decoded.runs.items():
        outputs = [{split: decoded.outputs[arm, split][run] for split in EVALUATED} for run in range(len(results))]
        for rule in _rules(outputs[0]):
            by_rule = [decode_run(rule, each) for each in outputs]
            ruled += _ruled(rule, results, outputs, [grades for grades, _ in by_rule])
            cuts += _cuts_rows(rule, results, [found for _, found in by_rule], TUNED_ON, len(outputs[0][TUNED_ON]))
        if results[0].cut and results[0].roles:
            ruled += _own(results, outputs)
            own = [result.cut.cuts if result.cut else None for result in results]
            cuts += _cuts_rows(results[0].cut.rule, results, own, HOLDOUT, results[0].roles.holdout)
    # All runs were evaluated on the same images: any of them knows the labels.
    ruled += _yardsticks(outputs[0], ruled[0].data)
    rows = on_every_core(_decoded_row, ruled)
    write_rows(DECODING, DecodedRow, rows)
    write_rows(SPREAD, SpreadRow, on_every_core(_spread_row, _extremes(ruled, rows)))
    write_rows(CUTS, CutsRow, cuts)


def decode_run(rule: str, outputs: Outputs) -> tuple[dict[Split, Grades], Cuts | None]:
    """Grades of every split of one run by a rule, and the cuts that were tuned for it.

    Args:
        rule: a key of :data:`DECODERS` whose head the run has.
        outputs: the run's predictions.

    Raises:
        InputError: cuts would be tuned on another split than val, or on labels of fewer than two grades.
    """
    if DECODERS[rule].cuts != "tuned":
        return {split: decode(rule, predictions) for split, predictions in outputs.items()}, None
    fitted = fit_on(TUNED_ON, rule, outputs[TUNED_ON])
    return {split: fitted.decode(predictions) for split, predictions in outputs.items()}, fitted.cuts


def _rules(outputs: Outputs) -> list[str]:
    """The rules that apply to an arm; a tuned one only where there is something to tune it on."""
    tunable = len(np.unique(outputs[TUNED_ON].grade)) > 1
    return [rule for rule in applicable(outputs[TUNED_ON]) if tunable or DECODERS[rule].cuts != "tuned"]


def _ruled(
    rule: str, results: Sequence[RunResult], outputs: Sequence[Outputs], grades: Sequence[Mapping[Split, Grades]]
) -> Iterator[Ruled]:
    """One arm under one rule, on each split."""
    first, tuned_on = results[0], TUNED_ON if DECODERS[rule].cuts == "tuned" else ""
    seeds = [result.seed for result in results]
    for split in EVALUATED:
        joined = graded([each[split] for each in outputs], [each[split] for each in grades])
        yield Ruled(Arm(first.stage, first.arm), DECODERS[rule].head, rule, tuned_on, split, seeds, joined, first.data)


def _own(results: Sequence[RunResult], outputs: Sequence[Outputs]) -> Iterator[Ruled]:
    """One arm under the rule whose cuts each of its runs has of its own, on each split."""
    first, seeds = results[0], [result.seed for result in results]
    assert first.cut
    head, rule = cast("Head", first.cut.head), first.cut.rule
    for split in EVALUATED:
        grades = [grades_of(run, head, each[split]) for run, each in zip(results, outputs, strict=True)]
        joined = graded([each[split] for each in outputs], grades)
        yield Ruled(Arm(first.stage, first.arm), head, rule, HOLDOUT, split, seeds, joined, first.data)


def _yardsticks(outputs: Outputs, data: DataSummary) -> Iterator[Ruled]:
    for split in EVALUATED:
        for name, grades in yardsticks(outputs, split).items():
            made_for, seeds = "" if name == "fellow" else FROM, range(YARDSTICKS[name].draws)
            yield Ruled(Arm("", ""), "", name, made_for, split, seeds, grades, data)


def _decoded_row(ruled: Ruled) -> DecodedRow:
    found, kappas = kappa_interval(ruled.grades, replicates=REPLICATES), ruled.grades.kappas
    return DecodedRow(
        stage=ruled.arm[0],
        arm=ruled.arm[1],
        split=ruled.split,
        head=ruled.head,
        rule=ruled.rule,
        tuned_on=ruled.tuned_on,
        kappa=found.value,
        sd=float(np.std(kappas, ddof=1)) if len(kappas) > 1 else float("nan"),
        low=found.low,
        high=found.high,
        error=found.error,
        level=found.level,
        over=ruled.over,
        images=len(ruled.grades.grade),
        patients=patients_in_words(ruled.grades.patient),
        seeds=" ".join(map(str, ruled.seeds)),
        replicates=found.replicates,
        undefined=found.undefined,
        data=ruled.data.name,
        synthetic=ruled.data.synthetic,
    )


def _extremes(ruled: Sequence[Ruled], rows: Sequence[DecodedRow]) -> list[tuple[Ruled, Ruled]]:
    """Per arm, head and split, the rules with the highest and with the lowest kappa, where there are two."""
    groups: dict[tuple[Arm, str, Split], list[tuple[float, Ruled]]] = {}
    for one, row in zip(ruled, rows, strict=True):
        if one.head and one.tuned_on != one.split and not np.isnan(row.kappa):
            groups.setdefault((one.arm, one.head, one.split), []).append((row.kappa, one))
    ranked = [sorted(group, key=lambda pair: pair[0]) for group in groups.values() if len(group) > 1]
    return [(group[-1][1], group[0][1]) for group in ranked]


def _spread_row(extremes: tuple[Ruled, Ruled]) -> SpreadRow:
    top, bottom = extremes
    found = compare(top.grades, bottom.grades, replicates=REPLICATES).difference
    return SpreadRow(
        stage=top.arm[0],
        arm=top.arm[1],
        split=top.split,
        head=top.head,
        highest=top.rule,
        lowest=bottom.rule,
        difference=found.value,
        low=found.low,
        high=found.high,
        level=found.level,
        over=top.over,
        images=len(top.grades.grade),
        patients=patients_in_words(top.grades.patient),
        seeds=" ".join(map(str, top.seeds)),
        data=top.data.name,
        synthetic=top.data.synthetic,
    )


def _cuts_rows(
    rule: str, results: Sequence[RunResult], cuts: Sequence[Cuts | None], tuned_on: str, images: int
) -> Iterator[CutsRow]:
    """What was tuned for each run of an arm, if the rule is a tuned one."""
    head = DECODERS[rule].head
    for result, found in zip(results, cuts, strict=True):
        if found:
            yield CutsRow(result.stage, result.arm, result.seed, head, rule, tuned_on, images, *found)
