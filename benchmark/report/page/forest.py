"""A table's kappas as a forest: a line per cell, the published number and ours on one scale."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from benchmark.common.terms import Arm
from benchmark.report.page.strips import Scale, strip
from benchmark.report.table import Kappa, Number, Paper, Row, Table, words


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
        for marks in [
            [_mark(cell, cell.published, scale, ran) if isinstance(cell, Kappa) else None for cell in row.cells]
        ]
    )
    return Forest((group,), tuple(lines), scale.ticks)


def by_row(table: Table, ran: Collection[Arm]) -> Forest | None:
    """A line per row, in the table's groups; a published number and the kappa to its right are a mark.

    None where nothing is to be drawn.
    """
    scale = _scale(table.rows)
    if scale is None:
        return None
    pairs = [
        (place, place + 1)
        for place, cell in enumerate(table.rows[0].cells[:-1])
        if isinstance(cell, Paper) and isinstance(table.rows[0].cells[place + 1], Kappa)
    ]
    titles = tuple(table.columns[1 + first].partition(",")[0] for first, _ in pairs)
    groups = (
        (group, tuple(Line(row.label, tuple(_beside(row, *pair, scale, ran) for pair in pairs)) for row in rows))
        for group, rows in table.groups()
    )
    return Forest(titles, tuple(groups), scale.ticks)


def _beside(row: Row, first: int, second: int, scale: Scale, ran: Collection[Arm]) -> Mark:
    """The mark of a published number and our kappa, by the places of their cells."""
    paper, ours = row.cells[first], row.cells[second]
    published = paper.printed.value if isinstance(paper, Paper) else ""
    mark = _mark(ours, published, scale, ran) if isinstance(ours, Kappa | Number) else None
    return mark or Mark(Markup(""), "", "", "", "")


def _scale(rows: Sequence[Row]) -> Scale | None:
    cells = [cell for row in rows for cell in row.cells]
    published = [_number(cell.published) for cell in cells if isinstance(cell, Kappa)]
    published += [_number(cell.printed.value) for cell in cells if isinstance(cell, Paper)]
    ours = [cell for cell in cells if isinstance(cell, Kappa | Number)]
    return Scale.of([*published, *(value for cell in ours for value in (cell.value, *(cell.ends or ())))])


def _mark(cell: Kappa | Number, shown: str, scale: Scale, ran: Collection[Arm]) -> Mark | None:
    """Of a cell and the published number beside it; None where the paper prints nothing and nothing was measured."""
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
