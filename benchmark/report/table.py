"""A table before it is rendered: typed cells, which each format writes in its own way."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

from benchmark.common.terms import Arm
from benchmark.common.units import ends, with_sd
from benchmark.report.csv_fields import status
from benchmark.statistics.estimates import Estimate

Ends = tuple[float, float] | None
"""Lower and upper end of an interval; None where there is none."""


@dataclass(frozen=True, slots=True)
class Text:
    """Words."""

    text: str
    notes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Number:
    """A quantity as text and as a value to sort by; without a value, the text says why there is none."""

    text: str
    value: float | None = None
    notes: tuple[int, ...] = ()
    interval: str = ""
    """Text of the interval that is shown with it."""
    ends: Ends = None
    """Ends of that interval."""
    arm: Arm | None = None
    """Arm whose runs it is measured from, where they are not those of the whole row."""
    published: str = ""
    """Published number that is shown below it, as printed."""
    scale: str = ""
    """Scale that its interval is drawn on together with other columns; by default its column's own."""


Cell = Text | Number


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a table; lines of one ``group`` stand together under its title (none where it is empty)."""

    group: str
    label: str
    cells: tuple[Cell, ...]
    arms: tuple[Arm, ...] = ()
    """Arms whose runs the whole line comes from."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table as readers see it, and the records of its csv file.

    Attributes:
        name: name of its files.
        columns: titles; the first heads the rows' labels.
        notes: numbered from 1.
        records: lines of the csv, all with the same keys, in full precision and one fact per field.
        titles: where a group has columns of its own, their titles by group.
    """

    name: str
    title: str
    caption: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...]
    records: tuple[Mapping[str, Any], ...]
    titles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def columns_of(self, group: str) -> tuple[str, ...]:
        """Return the titles of a group's columns."""
        return self.titles.get(group, self.columns)

    def parts(self) -> list[Table]:
        """Split the table into parts with one set of columns each; the first part has the caption and the notes."""
        if not self.titles:
            return [self]
        parts = [
            replace(self, name=f"{self.name}-{i}", columns=columns, rows=tuple(rows), titles={})
            for i, (columns, rows) in enumerate(groupby(self.rows, lambda row: self.columns_of(row.group)), 1)
        ]
        return [
            parts[0],
            *(replace(part, notes=(), caption="Continued, with the notes of the first part.") for part in parts[1:]),
        ]

    def groups(self) -> list[tuple[str, list[Row]]]:
        """Return the rows by group, in order."""
        names = dict.fromkeys(row.group for row in self.rows)
        return [(name, [row for row in self.rows if row.group == name]) for name in names]


def estimate_cell(estimate: Estimate | None, notes: tuple[int, ...] = (), missing: str = "", **fields: Any) -> Number:
    """Return the cell of an estimate: mean, spread and interval, or why there is none.

    Args:
        estimate: what was measured; None where nothing was.
        notes: numbers of the notes that concern the cell.
        missing: text without a value; by default the status.
        fields: further fields of the cell.
    """
    if estimate is None or math.isnan(estimate.estimate):
        return Number(missing or status(estimate), None, notes, **fields)
    low, high = estimate.low, estimate.high
    return Number(
        with_sd(estimate.estimate, None if math.isnan(estimate.sd) else estimate.sd),
        estimate.estimate,
        notes,
        ends(low, high),
        ends_of(estimate),
        Arm(estimate.method, estimate.arm),
        **fields,
    )


def ends_of(found: object) -> Ends:
    """Return the ends of anything with ``low`` and ``high``; None where they are NaN."""
    low, high = getattr(found, "low", math.nan), getattr(found, "high", math.nan)
    return None if math.isnan(low) or math.isnan(high) else (low, high)


def words(cell: Cell) -> tuple[str, ...]:
    """Return the texts of a cell: its own, its interval and the published number."""
    if isinstance(cell, Text):
        return (cell.text,)
    published = f"(paper {cell.published})" if cell.published else ""
    return cell.text, *filter(None, (cell.interval, published))
