"""Forest of a table's kappas: a line per cell, the published number and ours on one scale."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from markupsafe import Markup

from benchmark.common.terms import Arm
from benchmark.report.page.strips import Scale, strip
from benchmark.report.table import Number, Row, Table, lines_of

PAPER_SUFFIX = ", paper"
"""Suffix of the title of a column of published numbers."""


@dataclass(frozen=True, slots=True)
class Mark:
    """One kappa of a line: its drawing, its texts, and the arm that it links to, which may be empty."""

    strip: Markup
    published: str
    measured: str
    interval: str
    arm: str


@dataclass(frozen=True, slots=True)
class KappaLine:
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
    groups: tuple[tuple[str, tuple[KappaLine, ...]], ...]
    axis: list[tuple[float, str]]


def by_column(table: Table, ran: Collection[Arm]) -> Forest | None:
    """Return the forest with the first group's rows as groups and their columns as lines; None without a value."""
    group, rows = table.groups()[0]
    scale = _scale(table)
    if scale is None:
        return None
    lines = (
        (
            row.label,
            tuple(KappaLine(title, (mark,)) for title, mark in zip(table.columns[1:], marks, strict=True) if mark),
        )
        for row in rows
        for marks in [
            [_mark(cell, cell.published, scale, ran) if isinstance(cell, Number) else None for cell in row.cells]
        ]
    )
    return Forest((group,), tuple(lines), scale.ticks)


def by_row(table: Table, ran: Collection[Arm]) -> Forest | None:
    """Return the forest with a line per row; a published number and the kappa to its right are one mark.

    None without a value.
    """
    scale = _scale(table)
    if scale is None:
        return None
    places = [place for place, title in enumerate(table.columns[1:]) if title.endswith(PAPER_SUFFIX)]
    titles = tuple(table.columns[1 + place].removesuffix(PAPER_SUFFIX) for place in places)
    groups = (
        (group, tuple(KappaLine(row.label, tuple(_beside(row, place, scale, ran) for place in places)) for row in rows))
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
    for row in table.rows if any(title.endswith(PAPER_SUFFIX) for title in table.columns) else table.groups()[0][1]:
        for title, cell in zip(table.columns[1:], row.cells, strict=True):
            if isinstance(cell, Number):
                values += [cell.value, *(cell.ends or ()), _number(cell.published)]
            elif title.endswith(PAPER_SUFFIX):
                values.append(_number(cell.text))
    return Scale.of(values)


def _mark(cell: Number, shown: str, scale: Scale, ran: Collection[Arm]) -> Mark | None:
    """Return the mark of a cell and its published number; None if neither has a value."""
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
