"""Comparison of two versions of the report's csv tables, cell by cell, with the noise between seeds.

Rows are paired by the keys that each table declares. A number with a standard deviation over seeds in the same row
(``estimate`` with ``sd``, else ``x`` with ``x_sd``), or with an interval over seeds, is *measured*. Measured cells that
are not identical are tested (docs/reference/tables.md) by Welch's t-test, because trainings on two machines are
independent draws, even with the same seeds; with an interval only, by the halves of the intervals that face each other
(MOVER, Zou and Donner 2008). The p-values of all distinct tests are adjusted by the method of Benjamini and Hochberg,
because Holm's detects next to nothing among hundreds of cells with three seeds. A cell is

* identical: the same text on both sides;
* different: measured with an adjusted p below 0.05, or another text that does not depend on seeds (a count, a name, a
  published number);
* cannot tell: measured, with a larger p; differences *below* the given one would not have been detected;
* noise unknown: computed from runs, but with a single seed on one side, without any standard deviation, or of an arm
  whose kappa is not clear of 0 on one side, whose failed trainings the standard deviation of few seeds may not show;
* here only, there only: the other side has no such row, column or value.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from benchmark.common.errors import InputError
from benchmark.common.terms import Arm
from benchmark.report.named_arms import RUN_COLUMNS, arms_of
from benchmark.report.verification.table_diff import WHOLE, TextRow, keys_of, named
from benchmark.statistics.verdict_row import JUDGED_BY

ALPHA = 0.05
"""Significance level of all tests together."""

CellStatus = Literal["identical", "different", "here only", "there only", "cannot tell", "noise unknown"]
FAULTS: frozenset[CellStatus] = frozenset({"different", "here only", "there only"})
"""Statuses that count as a disagreement."""

NOISY: frozenset[str] = frozenset(
    {"low", "high", "n_undefined", "about", "binomial_se", "min_detectable_difference", "resampled"}
    | {"p", "p_beats", "p_short", "rules_low", "rules_high", "n_above", "n_analyses", "n_hold"}
    | {"failed", "failed_versus", "failed_a", "failed_b"}
    | {"rank_difference", "rank_low", "rank_high", "run_low", "run_high"}
    | {f"{name}_{percent}" for name in ("images_to", "macs_to", "kappa") for percent in (90, 95)}
    | {"verdict", "finding", "magnitude", "note", "biased_towards"}
)
"""Columns that depend on the trained networks but have no standard deviation in the table."""
_ESTIMATE = "estimate"
"""Column with an interval; its standard deviation is not named after it."""


class Sample(NamedTuple):
    """A measured cell."""

    mean: float
    sd: float
    n_seeds: int


class Gap(NamedTuple):
    """Difference of two measured cells with its standard error, degrees of freedom and two-sided p-value."""

    difference: float
    se: float
    df: float
    p: float

    @classmethod
    def of(cls, difference: float, se: float, df: float) -> Gap:
        """Test a difference by Student's t distribution, which is the normal one for infinite degrees of freedom."""
        from scipy.stats import t

        return cls(difference, se, df, float(2 * t.sf(abs(difference) / se, df) if se else difference == 0))

    def detectable(self, p: float) -> float:
        """Return the difference that would have this p-value."""
        from scipy.stats import t

        return float(t.isf(p / 2, self.df) * self.se) if self.se else 0.0


@dataclass(frozen=True, slots=True)
class Compared:
    """A cell on both sides, as text with its standard deviation; the row is named by its key."""

    table: str
    row: str
    column: str
    ours: str
    theirs: str
    status: CellStatus
    gap: Gap | None = None
    """Tested difference."""
    p_adjusted: float = math.nan
    """p-value adjusted for all distinct tests."""
    below: float = math.nan
    """Smallest difference that would have been significant."""


def compare_tables(ours: Mapping[str, Sequence[TextRow]], theirs: Mapping[str, Sequence[TextRow]]) -> list[Compared]:
    """Compare every cell of every table, given the rows of each side by name of the table, in the order of ``ours``.

    Raises InputError if a table of both sides declares no keys.
    """
    found: list[Compared] = []
    failing = _failing(ours) | _failing(theirs)
    for table in dict.fromkeys((*ours, *theirs)):
        if ours.get(table) and theirs.get(table):
            found += _compare_table(table, ours[table], theirs[table], failing)
        elif ours.get(table) or theirs.get(table):
            found.append(Compared(table, WHOLE, WHOLE, "", "", "here only" if ours.get(table) else "there only"))
    return _judge(found)


def welch(ours: Sample, theirs: Sample) -> Gap:
    """Compare two measured cells by Welch's t-test."""
    variances = [side.sd**2 / side.n_seeds for side in (ours, theirs)]
    spent = sum(one**2 / (side.n_seeds - 1) for one, side in zip(variances, (ours, theirs), strict=True))
    total = sum(variances)
    return Gap.of(ours.mean - theirs.mean, math.sqrt(total), total**2 / spent if spent else math.inf)


def _failing(tables: Mapping[str, Sequence[TextRow]]) -> set[Arm]:
    """Return the arms with a kappa whose interval is not clear of 0."""
    kappas = [row for row in tables.get("metrics", ()) if row["metric"] == "kappa"]
    return {Arm(row["method"], row["arm"]) for row in kappas if not float(row["low"] or "nan") > 0}


def _compare_table(
    table: str, ours: Sequence[TextRow], theirs: Sequence[TextRow], failing: set[Arm]
) -> Iterator[Compared]:
    left, right = (_by_key(lines, keys_of(table)) for lines in (ours, theirs))
    both = [name for name in ours[0] if name in theirs[0]]
    for column in dict.fromkeys((*ours[0], *theirs[0])):
        if column not in both:
            yield Compared(table, WHOLE, column, "", "", "here only" if column in ours[0] else "there only")
    spreads = {_spread_of(name) for name in both}
    cells = [name for name in both if name not in {"table", *keys_of(table), *RUN_COLUMNS, *JUDGED_BY, *spreads}]
    for key in dict.fromkeys((*left, *right)):
        either = left.get(key) or right[key]
        fails = bool(failing) and not failing.isdisjoint(arms_of(either))
        if key not in left or key not in right:
            side: CellStatus = "here only" if key in left else "there only"
            # An arm that never learned has no rank, so one rank fewer is given.
            ranked = failing and either.get("kind", "").endswith("rank")
            yield Compared(table, named(key), WHOLE, "", "", "noise unknown" if ranked else side)
            continue
        for column in cells:
            if left[key][column] or right[key][column]:
                yield _compare_cell(table, named(key), column, left[key], right[key], fails=fails)


def _by_key(lines: Sequence[TextRow], keys: tuple[str, ...]) -> dict[tuple[str, ...], TextRow]:
    """Return rows by their keys; a repeated key gets its number."""
    seen: Counter[tuple[str, ...]] = Counter()
    found: dict[tuple[str, ...], TextRow] = {}
    for line in lines:
        key = tuple(line.get(name, "") for name in keys)
        seen[key] += 1
        found[key if seen[key] == 1 else (*key, str(seen[key]))] = line
    return found


def _spread_of(column: str) -> str:
    return "sd" if column == _ESTIMATE else f"{column}_sd"


def _compare_cell(table: str, row: str, column: str, ours: TextRow, theirs: TextRow, *, fails: bool) -> Compared:
    spread = _spread_of(column)
    if all(ours.get(name, "") == theirs.get(name, "") for name in (column, spread)):
        return Compared(table, row, column, ours[column], theirs[column], "identical")
    cell = Compared(table, row, column, _in_words(ours, column), _in_words(theirs, column), "different")
    if ours.get("seeds") or theirs.get("seeds"):
        if not fails and (gap := _gap(ours, theirs, column)):
            # The status follows when all p-values are known.
            return replace(cell, gap=gap)
        noisy = (column == _ESTIMATE or spread in ours) and (fails or (ours[column] and theirs[column]))
        if column in NOISY or noisy:
            return replace(cell, status="noise unknown")
    if not ours[column] or not theirs[column]:
        return replace(cell, status="here only" if ours[column] else "there only")
    return cell


def _in_words(line: TextRow, column: str) -> str:
    """Return the text of a cell with its standard deviation and number of seeds."""
    sd, seeds = line.get(_spread_of(column), ""), len(line.get("seeds", "").split())
    return f"{line[column]} ± {sd} (n = {seeds})" if sd and seeds > 1 else line[column]


def _gap(ours: TextRow, theirs: TextRow, column: str) -> Gap | None:
    """Return the tested difference of two cells; None if a side has no spread over seeds."""
    from scipy.stats import norm

    left, right = _sample(ours, column), _sample(theirs, column)
    if left and right:
        return welch(left, right)
    if left or right or not (_has_interval(ours, column) and _has_interval(theirs, column)):
        return None
    difference = float(ours[column]) - float(theirs[column])
    facing = ("low", "high") if difference >= 0 else ("high", "low")
    halves = (float(line[end]) - float(line[column]) for line, end in zip((ours, theirs), facing, strict=True))
    return Gap.of(difference, math.hypot(*halves) / norm.isf(0.025), math.inf)


def _sample(line: TextRow, column: str) -> Sample | None:
    """Return a measured cell with its standard deviation; None without one."""
    mean, sd, seeds = line[column], line.get(_spread_of(column), ""), line.get("seeds", "").split()
    try:
        return Sample(float(mean), float(sd), len(seeds)) if mean and sd and len(seeds) > 1 else None
    except ValueError as error:
        msg = (
            f"{column} and its sd must be numbers, but a table has {mean!r} and {sd!r}: make it again with `dvc repro`"
        )
        raise InputError(msg) from error


def _has_interval(line: TextRow, column: str) -> bool:
    """Return whether a cell has an interval over seeds."""
    over_seeds = "seeds" in line.get("resampled", "") and len(line["seeds"].split()) > 1
    return column == _ESTIMATE and over_seeds and all(line.get(name) for name in (column, "low", "high"))


def _judge(cells: Sequence[Compared]) -> list[Compared]:
    """Adjust the p-values of the distinct tests together and set the status of each cell."""
    from scipy.stats import false_discovery_control

    tests = {test_of(cell): cell.gap.p for cell in cells if cell.gap}
    if not tests:
        return list(cells)
    adjusted = dict(zip(tests, false_discovery_control(list(tests.values())).tolist(), strict=True))
    significant = sum(p < ALPHA for p in adjusted.values())
    # One more cell would be called different with a p-value below this.
    required = min(ALPHA * (significant + 1) / len(tests), ALPHA)
    found = []
    for cell in cells:
        if cell.gap:
            p = adjusted[test_of(cell)]
            status: CellStatus = "different" if p < ALPHA else "cannot tell"
            cell = replace(cell, p_adjusted=p, below=cell.gap.detectable(required), status=status)
        found.append(cell)
    return found


def test_of(cell: Compared) -> tuple[str, str, Gap | None]:
    """Return the identity of a test, which is the same if two cells show the same numbers of the same runs."""
    return cell.ours, cell.theirs, cell.gap
