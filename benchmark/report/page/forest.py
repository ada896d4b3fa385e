"""A table's kappas as a forest: a line per cell, the published number and ours on one scale."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from benchmark.common.terms import Arm
from benchmark.report.page.strips import Scale, strip
from benchmark.report.table import Kappa, Paper, Row, Table, words


@dataclass(frozen=True, slots=True)
class Mark:
    """One kappa of a line: its drawing, its words, and the arm that it leads to; empty where there is none."""

    strip: Markup
    published: str
    measured: str
    interval: str
    arm: str


@dataclass(frozen=True, slots=True)
class Line:
    """A line: its label and its marks, one per column."""

    label: str
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class Forest:
    """Lines in groups under one axis.

    Attributes:
        columns: title of each column of marks.
        groups: title and lines.
        axis: ticks of the scale.
    """

    columns: tuple[str, ...]
    groups: tuple[tuple[str, tuple[Line, ...]], ...]
    axis: list[tuple[float, str]]


def by_column(table: Table, ran: Collection[Arm]) -> Forest | None:
    """The first group's rows as groups, their columns as lines; None where nothing is to be drawn."""
    group, rows = table.groups()[0]
    scale = _scale(rows)
    if scale is None:
        return None
    lines = (
        (row.label, tuple(Line(title, (mark,)) for title, mark in zip(table.columns[1:], marks, strict=True) if mark))
        for row in rows
        for marks in [[_mark(cell, None, scale, ran) if isinstance(cell, Kappa) else None for cell in row.cells]]
    )
    return Forest((group,), tuple(lines), scale.ticks)


def by_row(table: Table, ran: Collection[Arm]) -> Forest | None:
    """A line per row; a published number and the kappa to its right are a mark. None where nothing is to be drawn."""
    scale = _scale(table.rows)
    if scale is None:
        return None
    pairs = [
        (place, place + 1)
        for place, cell in enumerate(table.rows[0].cells[:-1])
        if isinstance(cell, Paper) and isinstance(table.rows[0].cells[place + 1], Kappa)
    ]
    titles = tuple(table.columns[1 + first].partition(",")[0] for first, _ in pairs)
    lines = []
    for row in table.rows:
        marks = []
        for first, second in pairs:
            paper, ours = row.cells[first], row.cells[second]
            assert isinstance(ours, Kappa)
            mark = _mark(ours, paper.printed.value if isinstance(paper, Paper) else "", scale, ran)
            marks.append(mark or Mark(Markup(""), "", "", "", ""))
        lines.append(Line(row.label, tuple(marks)))
    return Forest(titles, (("", tuple(lines)),), scale.ticks)


def _scale(rows: Sequence[Row]) -> Scale | None:
    cells = [cell for row in rows for cell in row.cells]
    kappas = [cell for cell in cells if isinstance(cell, Kappa)]
    ours = [value for cell in kappas for value in (cell.value, *(cell.ends or ()), _number(cell.published))]
    return Scale.of([*ours, *(_number(cell.printed.value) for cell in cells if isinstance(cell, Paper))])


def _mark(cell: Kappa, published: str | None, scale: Scale, ran: Collection[Arm]) -> Mark | None:
    """Of a cell; None where the paper prints nothing and nothing was measured."""
    shown = cell.published if published is None else published
    if _number(shown) is None and cell.value is None:
        return None
    own, *below = words(cell)
    arm = str(cell.arm) if cell.arm in ran and cell.value is not None else ""
    drawn = strip(scale, cell.value, cell.ends, _number(shown))
    return Mark(drawn, shown, own if cell.arm or cell.value is not None else "-", below[0] if cell.ends else "", arm)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
