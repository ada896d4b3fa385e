"""Two versions of the report's csv tables, cell by cell: the same, too near to be told apart, or different.

Lines are paired by the keys that each table declares (:mod:`.keys`). A number with its standard deviation over seeds
beside it (``estimate`` with ``sd``, else ``x`` with ``x_sd``), or with an interval over seeds, is *measured*.
Two measured cells that are not identical are held apart by Welch's t-test, from mean, standard deviation and number of
seeds of each side: the seeds of trainings on two machines are other draws, even where they bear the same numbers, so
they are not paired, and their spreads may differ. Where there is an interval alone, the halves that face each other
stand for the two errors (MOVER, Zou and Donner 2008); they hold the patients' share too, which both sides have in
common, so that such a test is on the safe side.

The p-values are adjusted by the rule of Benjamini and Hochberg for all *distinct* tests, since a run shows up in
several tables: where nothing but seeds differs, even one cell is called different in no more than 5 of 100 comparisons,
and where much differs, no more than 5 of 100 cells called different are not. (Holm's rule, which is against a single
false cell in any case, finds next to nothing among hundreds of cells of three seeds.) A cell is

* identical: the same text on both sides;
* different: measured, and the adjusted p is below 0.05; or with other text where no seed has a part (a count, a name,
  a published number);
* cannot tell: measured, with a larger p; differences *below* the one that is named would not have been found;
* noise unknown: made from runs, but with a single seed on a side, or without any spread beside it;
* here only, there only: the other side has no such line, column or value.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from benchmark.common.errors import InputError
from benchmark.report.run_columns import RUN_COLUMNS
from benchmark.report.verification.keys import NOISY, Key, keys_of
from benchmark.report.verification.table_diff import WHOLE, Line, named

LEVEL = 0.05
"""Of the tests, for all cells together."""

Status = Literal["identical", "different", "here only", "there only", "cannot tell", "noise unknown"]
FAULTS: frozenset[Status] = frozenset({"different", "here only", "there only"})
"""What makes two versions disagree."""

_SPREADS = {"estimate": "sd"}
"""Columns whose spread is not called after them."""
_WITH_INTERVAL = ("estimate",)
_NORMAL = 1.959964
"""Quantile of the standard normal at 0.975: what half of a 95 % interval is of its standard error."""


class Sample(NamedTuple):
    """A measured cell."""

    mean: float
    sd: float
    seeds: int


class Gap(NamedTuple):
    """How far two measured cells lie apart, with the standard error of that and the error's degrees of freedom."""

    difference: float
    error: float
    freedom: float

    @property
    def p(self) -> float:
        """Two-sided; where nothing varies, 1 for no difference and 0 for any."""
        from scipy.special import stdtr

        if self.error == 0:
            return float(self.difference == 0)
        return float(2 * stdtr(self.freedom, -abs(self.difference) / self.error))

    def resolvable(self, p: float) -> float:
        """The difference that would have just this p."""
        from scipy.special import stdtrit

        return float(-stdtrit(self.freedom, p / 2) * self.error) if self.error else 0.0


@dataclass(frozen=True, slots=True)
class Compared:
    """A cell on both sides.

    Attributes:
        table, row, column: where it stands; the row by the fields that tell it from others.
        ours, theirs: as the csv holds it, with its spread; empty on a side that has no such cell.
        status: what the comparison says.
        gap: what was tested; None where nothing was.
        p_adjusted: of the test, among all distinct ones; NaN where none was made.
        below: the smallest difference that would have been called one; NaN where no test was made.
    """

    table: str
    row: str
    column: str
    ours: str
    theirs: str
    status: Status
    gap: Gap | None = None
    p_adjusted: float = math.nan
    below: float = math.nan


def compare_tables(ours: Mapping[str, Sequence[Line]], theirs: Mapping[str, Sequence[Line]]) -> list[Compared]:
    """Compare every cell of every table, in the order of ``ours``.

    Args:
        ours: the lines of each table here, by its name.
        theirs: those there.

    Raises:
        InputError: a table that both sides have declares no keys.
    """
    found: list[Compared] = []
    for table in dict.fromkeys((*ours, *theirs)):
        if ours.get(table) and theirs.get(table):
            found += _compare_table(table, ours[table], theirs[table])
        elif ours.get(table) or theirs.get(table):
            found.append(Compared(table, WHOLE, WHOLE, "", "", "here only" if ours.get(table) else "there only"))
    return _judge(found)


def welch(ours: Sample, theirs: Sample) -> Gap:
    """What Welch's t-test (Welch 1947) makes of two measured cells."""
    shares = [sample.sd**2 / sample.seeds for sample in (ours, theirs)]
    total = sum(shares)
    spent = sum(share**2 / (sample.seeds - 1) for share, sample in zip(shares, (ours, theirs), strict=True))
    return Gap(ours.mean - theirs.mean, math.sqrt(total), total**2 / spent if spent else math.inf)


def _compare_table(table: str, ours: Sequence[Line], theirs: Sequence[Line]) -> Iterator[Compared]:
    keys = keys_of(table)
    left, right = _by_key(ours, keys), _by_key(theirs, keys)
    columns = dict.fromkeys((*ours[0], *theirs[0]))
    both = [name for name in columns if name in ours[0] and name in theirs[0]]
    for column in columns:
        if column not in both:
            yield Compared(table, WHOLE, column, "", "", "here only" if column in ours[0] else "there only")
    spreads = {_spread_of(name) for name in both}
    cells = [name for name in both if name not in {"table", *keys, *RUN_COLUMNS, *spreads}]
    for key in dict.fromkeys((*left, *right)):
        if key not in left or key not in right:
            yield Compared(table, named(key), WHOLE, "", "", "here only" if key in left else "there only")
            continue
        for column in cells:
            if left[key][column] or right[key][column]:
                yield _compare_cell(table, named(key), column, left[key], right[key])


def _by_key(lines: Sequence[Line], keys: Key) -> dict[Key, Line]:
    """Lines by their keys; where a line is there twice, the second has its number too."""
    seen: Counter[Key] = Counter()
    found: dict[Key, Line] = {}
    for line in lines:
        key = tuple(line.get(name, "") for name in keys)
        seen[key] += 1
        found[key if seen[key] == 1 else (*key, str(seen[key]))] = line
    return found


def _spread_of(column: str) -> str:
    return _SPREADS.get(column, f"{column}_sd")


def _compare_cell(table: str, row: str, column: str, ours: Line, theirs: Line) -> Compared:
    spread = _spread_of(column)
    if all(ours.get(name, "") == theirs.get(name, "") for name in (column, spread)):
        return Compared(table, row, column, ours[column], theirs[column], "identical")
    cell = Compared(table, row, column, _in_words(ours, column), _in_words(theirs, column), "different")
    from_runs = bool(ours.get("seeds") or theirs.get("seeds"))
    if from_runs and (gap := _gap(ours, theirs, column)):
        # What its p says is known when all are.
        return replace(cell, gap=gap)
    noisy = column in NOISY or column in _WITH_INTERVAL or spread in ours
    if from_runs and noisy and (column in NOISY or (ours[column] and theirs[column])):
        return replace(cell, status="noise unknown")
    if not ours[column] or not theirs[column]:
        return replace(cell, status="here only" if ours[column] else "there only")
    return cell


def _in_words(line: Line, column: str) -> str:
    """A cell with what is known of its noise."""
    sd, seeds = line.get(_spread_of(column), ""), len(line.get("seeds", "").split())
    return f"{line[column]} ± {sd} (n = {seeds})" if sd and seeds > 1 else line[column]


def _gap(ours: Line, theirs: Line, column: str) -> Gap | None:
    """What is tested of two cells; None where a side has no spread over seeds."""
    left, right = _sample(ours, column), _sample(theirs, column)
    if left and right:
        return welch(left, right)
    if left or right or column not in _WITH_INTERVAL:
        return None
    ends = _ends(ours, column), _ends(theirs, column)
    if ends[0] is None or ends[1] is None:
        return None
    values = float(ours[column]), float(theirs[column])
    side = int(values[1] > values[0])
    halves = ends[0][side] - values[0], ends[1][1 - side] - values[1]
    return Gap(values[0] - values[1], math.hypot(*halves) / _NORMAL, math.inf)


def _sample(line: Line, column: str) -> Sample | None:
    """A measured cell with its spread; None where there is none."""
    mean, sd, seeds = line[column], line.get(_spread_of(column), ""), line.get("seeds", "").split()
    try:
        return Sample(float(mean), float(sd), len(seeds)) if mean and sd and len(seeds) > 1 else None
    except ValueError as error:
        msg = (
            f"{column} and its sd must be numbers, but a table has {mean!r} and {sd!r}: make it again with `dvc repro`"
        )
        raise InputError(msg) from error


def _ends(line: Line, column: str) -> tuple[float, float] | None:
    """A cell's interval; None where it has none over seeds."""
    low, high = (line.get(f"{column}_{end}", line.get(end, "")) for end in ("low", "high"))
    over_seeds = "seeds" in line.get("resampled", "") and len(line["seeds"].split()) > 1
    return (float(low), float(high)) if line[column] and low and high and over_seeds else None


def _judge(cells: Sequence[Compared]) -> list[Compared]:
    """Adjust the p-values of the distinct tests together and say what they mean."""
    from scipy.stats import false_discovery_control

    tests = {test_of(cell): cell.gap.p for cell in cells if cell.gap}
    if not tests:
        return list(cells)
    adjusted = dict(zip(tests, false_discovery_control(list(tests.values())).tolist(), strict=True))
    found = sum(p < LEVEL for p in adjusted.values())
    # One cell more is called different where its p is below this.
    asked = min(LEVEL * (found + 1) / len(tests), LEVEL)
    return [_judged(cell, cell.gap, adjusted[test_of(cell)], asked) if cell.gap else cell for cell in cells]


def test_of(cell: Compared) -> tuple[str, str, Gap | None]:
    """What two cells share where they show the same numbers of the same runs."""
    return cell.ours, cell.theirs, cell.gap


def _judged(cell: Compared, gap: Gap, p: float, asked: float) -> Compared:
    status: Status = "different" if p < LEVEL else "cannot tell"
    return replace(cell, p_adjusted=p, below=gap.resolvable(asked), status=status)
