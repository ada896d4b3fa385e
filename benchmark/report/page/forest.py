"""A table's kappas as a forest: a line per cell, the published number and ours on one scale."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from markupsafe import Markup

from benchmark.common.terms import Arm
from benchmark.report.page.strips import Scale, strip
from benchmark.report.table import Number, Row, Table, lines_of

PAPER = ", paper"
"""How the title of a column of published numbers ends."""


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
    scale = _scale(table)
    if scale is None:
        return None
    lines = (
        (row.label, tuple(Line(title, (mark,)) for title, mark in zip(table.columns[1:], marks, strict=True) if mark))
        for row in rows
        for marks in [
            [_mark(cell, cell.published, scale, ran) if isinstance(cell, Number) else None for cell in row.cells]
        ]
    )
    return Forest((group,), tuple(lines), scale.ticks)


def by_row(table: Table, ran: Collection[Arm]) -> Forest | None:
    """A line per row, in the table's groups; a published number and the kappa to its right are a mark.

    None where nothing is to be drawn.
    """
    scale = _scale(table)
    if scale is None:
        return None
    places = [place for place, title in enumerate(table.columns[1:]) if title.endswith(PAPER)]
    titles = tuple(table.columns[1 + place].removesuffix(PAPER) for place in places)
    groups = (
        (group, tuple(Line(row.label, tuple(_beside(row, place, scale, ran) for place in places)) for row in rows))
        for group, rows in table.groups()
    )
    return Forest(titles, tuple(groups), scale.ticks)


def _beside(row: Row, place: int, scale: Scale, ran: Collection[Arm]) -> Mark:
    """Return the mark of a published number and of our kappa to its right."""
    ours = row.cells[place + 1]
    mark = _mark(ours, lines_of(row.cells[place])[0], scale, ran) if isinstance(ours, Number) else None
    return mark or Mark(Markup(""), "", "", "", "")


def _scale(table: Table) -> Scale | None:
    values: list[float | None] = []
    for row in table.rows if any(title.endswith(PAPER) for title in table.columns) else table.groups()[0][1]:
        for title, cell in zip(table.columns[1:], row.cells, strict=True):
            if isinstance(cell, Number):
                values += [cell.value, *(cell.ends or ()), _number(cell.published)]
            elif title.endswith(PAPER):
                values.append(_number(cell.text))
    return Scale.of(values)


def _mark(cell: Number, shown: str, scale: Scale, ran: Collection[Arm]) -> Mark | None:
    """Of a cell and the published number beside it; None where the paper prints nothing and nothing was measured."""
    if _number(shown) is None and cell.value is None:
        return None
    own, *below = lines_of(cell)
    arm = str(cell.arm) if cell.arm in ran and cell.value is not None else ""
    drawn = strip(scale, cell.value, cell.ends, _number(shown))
    return Mark(drawn, shown, own if cell.arm or cell.value is not None else "-", below[0] if cell.ends else "", arm)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
