"""How sure the measured kappas are: an interval for every arm, and a paired comparison for every declared pair of arms.

Only predictions are read (those that ``fundusbench evaluate`` has checked), each decoded by its head's default rule, so
nothing is tuned. Equal predictions give equal tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar

from pydantic import TypeAdapter

from benchmark.common.csv_rows import write_rows
from benchmark.common.files import read_yaml
from benchmark.common.section import validated
from benchmark.common.terms import EVALUATED, Arm, Head, Split
from benchmark.runs.predictions import patients_in_words
from benchmark.scoring.decoders.registry import DEFAULT
from benchmark.scoring.rules import rule_of
from benchmark.statistics.bootstrap import REPLICATES, kappa_interval
from benchmark.statistics.comparison import Comparison, compare, holm
from benchmark.statistics.decoded import STATISTICS, Decoded, on_every_core
from benchmark.statistics.ranks import RANKS, RankRow, rank_rows

INTERVALS, COMPARISONS = STATISTICS / "intervals.csv", STATISTICS / "comparisons.csv"

PAIRS = Path("experiments/comparisons.yaml")


@dataclass(frozen=True, slots=True)
class ComparedPair:
    """A pair of arms that is compared on the same images."""

    about: str
    """What the comparison is about."""
    first: str
    """Arm as method/arm, from whose kappa that of the second is subtracted."""
    second: str


def read_pairs(path: Path = PAIRS) -> list[ComparedPair]:
    """Read the declared pairs of arms.

    Raises:
        InputError: the file is missing or breaks a rule.
    """
    return validated(TypeAdapter(list[ComparedPair]), read_yaml(path, "pairs of arms are"), str(path))


Side = tuple[Arm, Head]
"""An arm, read through a head."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmInterval:
    """Kappa of one arm, head and split: its mean over seeds and the interval over seeds and patients."""

    stage: str
    arm: str
    split: str
    head: str
    decoder: str
    kappa: float
    low: float
    high: float
    error: float
    """Standard error."""
    level: float
    over: str
    """Whether the interval is over seeds and patients, or over patients alone."""
    images: int
    patients: str
    seeds: str
    replicates: int
    undefined: int
    """Replicates without a kappa, left out."""
    data: str
    synthetic: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmComparison:
    """Two arms on the same images; :class:`benchmark.statistics.comparison.Comparison` says what the numbers are."""

    about: str
    a: str
    b: str
    split: Split
    head: Head
    decoder: str
    kappa_a: float
    kappa_b: float
    difference: float
    low: float
    high: float
    level: float
    over: str
    p: float
    p_holm: float
    """Adjusted for all rows of the table."""
    p_retrained: float
    p_retrained_holm: float
    resolvable: float
    images: int
    patients: str
    seeds: str
    replicates: int
    undefined: int
    data: str
    synthetic: bool


class Tested(Protocol):
    """A row of a table of comparisons: a dataclass with ``p_holm`` and ``p_retrained_holm`` beside these."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def p(self) -> float: ...
    @property
    def p_retrained(self) -> float: ...


R = TypeVar("R", bound=Tested)


def run(decoded: Decoded) -> None:
    """Write ``statistics/intervals.csv``, ``statistics/comparisons.csv`` and ``statistics/ranks.csv``."""
    write_rows(INTERVALS, ArmInterval, intervals(decoded))
    write_rows(COMPARISONS, ArmComparison, comparisons(decoded))
    write_rows(RANKS, RankRow, rank_rows(decoded))


def intervals(decoded: Decoded) -> list[ArmInterval]:
    """One row per arm, split and head, in declared order."""
    return on_every_core(lambda key: _interval(decoded, *key), decoded.grades)


def _interval(decoded: Decoded, arm: Arm, head: Head, split: Split) -> ArmInterval:
    grades = decoded.grades[arm, head, split]
    found = kappa_interval(grades, replicates=REPLICATES)
    return ArmInterval(
        stage=arm[0],
        arm=arm[1],
        split=split,
        head=head,
        decoder=rule_of(decoded.runs[arm][0], head),
        kappa=found.value,
        low=found.low,
        high=found.high,
        error=found.error,
        level=found.level,
        over=decoded.over(arm),
        images=len(grades.grade),
        patients=patients_in_words(grades.patient),
        seeds=decoded.seeds(arm),
        replicates=found.replicates,
        undefined=found.undefined,
        data=decoded.data.name,
        synthetic=decoded.data.synthetic,
    )


def comparisons(decoded: Decoded) -> list[ArmComparison]:
    """Compute one row per declared pair that ran, per head that both have, per split.

    Both kinds of p-value are adjusted for all rows together.
    """
    asked = [
        (pair.about, Arm.parse(pair.first), Arm.parse(pair.second), head, split)
        for pair in read_pairs()
        for head in DEFAULT
        for split in EVALUATED
        if all((Arm.parse(side), head, split) in decoded.grades for side in (pair.first, pair.second))
    ]
    return adjusted(on_every_core(lambda each: _comparison(decoded, *each), asked))


def _comparison(decoded: Decoded, about: str, a: Arm, b: Arm, head: Head, split: Split) -> ArmComparison:
    numbers = compared_numbers(decoded, (a, head), (b, head), split)
    return ArmComparison(about=about, a=str(a), b=str(b), split=split, head=head, decoder=DEFAULT[head], **numbers)


def compared_numbers(decoded: Decoded, a: Side, b: Side, split: Split) -> dict[str, Any]:
    """What a row of a table of comparisons says of two sides on a split, by column; p-values are not yet adjusted."""
    found = compared(decoded, a, b, split)
    return {
        "kappa_a": found.a,
        "kappa_b": found.b,
        "difference": found.difference.value,
        "low": found.difference.low,
        "high": found.difference.high,
        "level": found.difference.level,
        "over": decoded.over(a[0], b[0]),
        "p": found.p,
        "p_holm": float("nan"),
        "p_retrained": found.p_retrained,
        "p_retrained_holm": float("nan"),
        "resolvable": found.resolvable,
        "images": found.images,
        "patients": patients_in_words(decoded.grades[*a, split].patient),
        "seeds": decoded.seeds(a[0], b[0]),
        "replicates": found.difference.replicates,
        "undefined": found.difference.undefined,
        "data": decoded.data.name,
        "synthetic": decoded.data.synthetic,
    }


def adjusted(rows: Sequence[R]) -> list[R]:
    """Rows of a table of comparisons with both kinds of p-value adjusted for all of them together."""
    both = zip(holm([row.p for row in rows]), holm([row.p_retrained for row in rows]), strict=True)
    return [
        replace(row, p_holm=float(p), p_retrained_holm=float(retrained))
        for row, (p, retrained) in zip(rows, both, strict=True)
    ]


def compared(decoded: Decoded, a: Side, b: Side, split: Split) -> Comparison:
    """Compare two arms, each read through a head, on one split."""
    return compare(decoded.grades[*a, split], decoded.grades[*b, split], replicates=REPLICATES)
