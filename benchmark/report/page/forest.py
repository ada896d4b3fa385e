"""Forest of a table's kappas: a line per cell, the published number and ours on one scale."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from benchmark.common.terms import Arm
from benchmark.report.page.strips import Scale, strip
from benchmark.report.table import Number, Row, Table, lines_of

PAPER_SUFFIX = ", paper"
"""Suffix of the title of a column of published numbers."""


Forest = Mapping[str, Any]
"""Titles of the columns of marks (``columns``), groups of lines with a mark per column (``groups``), and ``axis``."""


def by_column(table: Table, ran: Collection[Arm]) -> Forest | None:
    """Return the forest with the first group's rows as groups and their columns as lines; None without a value."""
    group, rows = table.groups()[0]
    scale = _scale(table)
    if scale is None:
        return None
    groups = []
    for row in rows:
        marks = [_mark(cell, cell.published, scale, ran) if isinstance(cell, Number) else {} for cell in row.cells]
        lines = [(title, [mark]) for title, mark in zip(table.columns[1:], marks, strict=True) if mark]
        groups.append((row.label, lines))
    return {"columns": [group], "groups": groups, "axis": scale.ticks}


def by_row(table: Table, ran: Collection[Arm]) -> Forest | None:
    """Return the forest with a line per row; a published number and the kappa to its right are one mark.

    None without a value.
    """
    scale = _scale(table)
    if scale is None:
        return None
    places = [place for place, title in enumerate(table.columns[1:]) if title.endswith(PAPER_SUFFIX)]
    groups = [
        (group, [(row.label, [_beside(row, place, scale, ran) for place in places]) for row in rows])
        for group, rows in table.groups()
    ]
    titles = [table.columns[1 + place].removesuffix(PAPER_SUFFIX) for place in places]
    return {"columns": titles, "groups": groups, "axis": scale.ticks}


def _beside(row: Row, place: int, scale: Scale, ran: Collection[Arm]) -> dict[str, Any]:
    """Return the mark of a published number and of our kappa to its right."""
    ours = row.cells[place + 1]
    mark = _mark(ours, lines_of(row.cells[place])[0], scale, ran) if isinstance(ours, Number) else {}
    return mark or dict.fromkeys(("strip", "published", "measured", "interval", "arm"), "")


def _scale(table: Table) -> Scale | None:
    values: list[float | None] = []
    for row in table.rows if any(title.endswith(PAPER_SUFFIX) for title in table.columns) else table.groups()[0][1]:
        for title, cell in zip(table.columns[1:], row.cells, strict=True):
            if isinstance(cell, Number):
                values += [cell.value, *(cell.ends or ()), _number(cell.published)]
            elif title.endswith(PAPER_SUFFIX):
                values.append(_number(cell.text))
    return Scale.of(values)


def _mark(cell: Number, shown: str, scale: Scale, ran: Collection[Arm]) -> dict[str, Any]:
    """Return the mark of a cell and its published number; empty if neither has a value."""
    if _number(shown) is None and cell.value is None:
        return {}
    own, *below = lines_of(cell)
    return {
        "strip": strip(scale, cell.value, cell.ends, _number(shown)),
        "published": shown,
        "measured": own if cell.arm or cell.value is not None else "-",
        "interval": below[0] if cell.ends else "",
        "arm": cell.arm if cell.arm in ran and cell.value is not None else "",
    }


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
