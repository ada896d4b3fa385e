"""Two versions of the report's csv tables, cell by cell: the same, as far apart as seeds are, or different.

A number with its standard deviation over seeds beside it (``mean`` with ``sd``, else ``x`` with ``x_sd``) is a
*measured* cell, and a line with a ``mean`` is that one cell. Two measured cells that are not identical are held apart
by Welch's t-test, from mean, standard deviation and number of seeds of each side: the seeds of trainings on two
machines are other draws, even where they bear the same numbers, so they are not paired, and their spreads may differ.
The p-values are adjusted by Holm's rule for all *distinct* tests, since a run shows up in several tables: where nothing
but seeds differs, even one cell is called different in no more than 5 of 100 comparisons. A cell is

* identical: the same text on both sides;
* within seed noise: measured, and the adjusted p is 0.05 or more;
* different: measured with a smaller one, or in a line without seeds (a count, a published number);
* noise unknown: measured with a single seed on a side, or made from runs without a spread beside it;
* here only, there only: the other side has no such line, column or value.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from benchmark.common.errors import InputError
from benchmark.report.recheck.table_diff import WHOLE, Key, Line, key_columns, named
from benchmark.report.run_columns import RUN_COLUMNS
from benchmark.statistics.comparison import holm

LEVEL = 0.05
"""Of the test, for all cells together."""

Status = Literal["identical", "within seed noise", "different", "noise unknown", "here only", "there only"]

_MEAN = "mean"


class Sample(NamedTuple):
    """A measured cell."""

    mean: float
    sd: float
    seeds: int


@dataclass(frozen=True, slots=True)
class Compared:
    """A cell on both sides.

    Attributes:
        table, row, column: where it stands; the row by the fields that tell it from others.
        ours, theirs: as the csv holds it; empty on a side that has no such cell.
        status: what the comparison says.
        p: of the test; NaN where none was made.
        p_holm: adjusted for all distinct tests.
        samples: what was tested, of both sides.
    """

    table: str
    row: str
    column: str
    ours: str
    theirs: str
    status: Status
    p: float = math.nan
    p_holm: float = math.nan
    samples: tuple[Sample, Sample] | None = None


def compare_tables(ours: Mapping[str, Sequence[Line]], theirs: Mapping[str, Sequence[Line]]) -> list[Compared]:
    """Compare every cell of every table, in the order of ``ours``.

    Args:
        ours: the lines of each table here, by its name.
        theirs: those there.
    """
    found: list[Compared] = []
    for table in dict.fromkeys((*ours, *theirs)):
        if table in ours and table in theirs and ours[table] and theirs[table]:
            found += _compare_table(table, ours[table], theirs[table])
        else:
            found.append(Compared(table, WHOLE, WHOLE, "", "", "here only" if ours.get(table) else "there only"))
    return _judge(found)


def welch(ours: Sample, theirs: Sample) -> float:
    """Two-sided p of Welch's t-test (Welch 1947): 1 where means agree and 0 where they do not but nothing varies."""
    from scipy.stats import ttest_ind_from_stats

    if ours.sd == theirs.sd == 0:
        return float(ours.mean == theirs.mean)
    return float(ttest_ind_from_stats(*ours, *theirs, equal_var=False).pvalue)


def _compare_table(table: str, ours: Sequence[Line], theirs: Sequence[Line]) -> Iterator[Compared]:
    columns = key_columns(ours, theirs)
    left, right = _by_key(ours, columns), _by_key(theirs, columns)
    cells = _cells([*ours, *theirs], columns)
    for column in cells:
        if column not in ours[0] or column not in theirs[0]:
            yield Compared(table, WHOLE, column, "", "", "here only" if column in ours[0] else "there only")
    for key in dict.fromkeys((*left, *right)):
        if key not in left or key not in right:
            yield Compared(table, named(key), WHOLE, "", "", "here only" if key in left else "there only")
            continue
        for column in cells:
            if column in ours[0] and column in theirs[0] and (left[key][column] or right[key][column]):
                yield _compare_cell(table, named(key), column, left[key], right[key])


def _by_key(lines: Sequence[Line], columns: Key) -> dict[Key, Line]:
    """Lines by what tells them apart; of lines that nothing tells apart, each has its number too."""
    keys = [tuple(line[column] for column in columns) for line in lines]
    seen: Counter[Key] = Counter()
    found: dict[Key, Line] = {}
    for key, line in zip(keys, lines, strict=True):
        seen[key] += 1
        found[key if seen[key] == 1 else (*key, str(seen[key]))] = line
    return found


def _cells(lines: Sequence[Line], columns: Key) -> list[str]:
    """The columns that hold results."""
    names = dict.fromkeys(name for line in lines for name in line)
    if _MEAN in names:
        return [_MEAN]
    spreads = {_spread_of(name) for name in names}
    return [name for name in names if name not in {*columns, *RUN_COLUMNS, *spreads}]


def _spread_of(column: str) -> str:
    return "sd" if column == _MEAN else f"{column}_sd"


def _compare_cell(table: str, row: str, column: str, ours: Line, theirs: Line) -> Compared:
    texts = ours[column], theirs[column]
    cell = Compared(table, row, column, *texts, "identical")
    spread = _spread_of(column)
    if texts[0] == texts[1] and ours.get(spread) == theirs.get(spread):
        return cell
    if "" in texts:
        return replace(cell, status="here only" if texts[0] else "there only")
    left, right = _sample(ours, column), _sample(theirs, column)
    if left and right:
        # What the p says is known when all are.
        return replace(cell, p=welch(left, right), samples=(left, right))
    from_runs = ours.get("seeds") or theirs.get("seeds")
    return replace(cell, status="noise unknown" if from_runs else "different")


def _sample(line: Line, column: str) -> Sample | None:
    """A measured cell with its spread; None where there is none."""
    mean, sd, seeds = line[column], line.get(_spread_of(column), ""), line.get("seeds", "").split()
    try:
        return Sample(float(mean), float(sd), len(seeds)) if sd and len(seeds) > 1 else None
    except ValueError as error:
        msg = (
            f"{column} and its sd must be numbers, but a table has {mean!r} and {sd!r}: make it again with `dvc repro`"
        )
        raise InputError(msg) from error


def _judge(cells: Sequence[Compared]) -> list[Compared]:
    """Adjust the p-values of the distinct tests together and say what they mean."""
    tests = {cell.samples: cell.p for cell in cells if cell.samples}
    adjusted = dict(zip(tests, holm(list(tests.values())).tolist(), strict=True))
    return [_judged(cell, adjusted[cell.samples]) if cell.samples else cell for cell in cells]


def _judged(cell: Compared, p: float) -> Compared:
    return replace(cell, p_holm=p, status="different" if p < LEVEL else "within seed noise")
