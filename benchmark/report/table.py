"""A table before it is rendered: typed cells, so that each format writes the same numbers its own way."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

from benchmark.common.terms import Arm, Head, Split
from benchmark.common.units import ends, with_sd
from benchmark.report.results import Measured
from benchmark.scoring.decoders.registry import DEFAULT
from benchmark.statistics.published.tables import Printed

Ends = tuple[float, float] | None
"""Lower and upper end of an interval; None where there is none."""


@dataclass(frozen=True, slots=True)
class Text:
    """Words."""

    text: str
    notes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Number:
    """A quantity as shown, and as it is sorted by; without a value, the text says why there is none."""

    text: str
    value: float | None = None
    notes: tuple[int, ...] = ()
    interval: str = ""
    """Shown with it."""
    ends: Ends = None
    """Of the interval, where one is shown."""
    arm: Arm | None = None
    """Whose runs it is measured from, where they are not those of the whole row."""


@dataclass(frozen=True, slots=True)
class Paper:
    """A published number alone."""

    printed: Printed
    notes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Kappa:
    """Our measurement of what a printed cell reports, on one split.

    Attributes:
        printed: the paper's cell.
        split: where ours was measured.
        arm: stage and name of the arm that measures it; None where none is declared.
        pixels: side of that arm's input; None without an arm.
        measured: what it got; None where nothing ran.
        notes: numbers of the table's notes that concern the cell.
        beside: whether the published number is shown in the same cell.
    """

    printed: Printed
    split: Split
    arm: Arm | None
    pixels: int | None
    measured: Measured | None
    notes: tuple[int, ...] = ()
    beside: bool = True

    @property
    def published(self) -> str:
        """The paper's number as printed; empty where it prints none for this split."""
        fits = self.printed.split is not None and self.printed.split.value == self.split
        return self.printed.value if fits and self.printed.value != "-" else ""

    @property
    def head(self) -> Head | None:
        """The head that is read; None where no arm of ours can measure the cell."""
        return self.printed.measured_by.head if self.printed.measured_by else None

    @property
    def decoder(self) -> str:
        """The rule from output to grade; empty without a head."""
        if self.measured and self.measured.interval:
            return self.measured.interval.decoder
        return DEFAULT[self.head] if self.head else ""

    @property
    def status(self) -> str:
        """As :func:`status` says; ``-`` where neither the paper nor params.yaml has it."""
        asked = self.arm or (self.printed.measured_by and self.printed.value != "-")
        return status(self.measured) if asked else "-"

    @property
    def value(self) -> float | None:
        """Mean over seeds; None where there is none."""
        return self.measured.mean if self.measured and not self.measured.undefined else None

    @property
    def ends(self) -> Ends:
        """Of the mean's interval; None where there is none."""
        return ends_of(self.measured.interval) if self.measured and self.value is not None else None


Cell = Text | Number | Paper | Kappa


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a table; lines of one ``group`` stand together under its title (none where it is empty)."""

    group: str
    label: str
    cells: tuple[Cell, ...]
    arms: tuple[Arm, ...] = ()
    """Whose runs the whole line comes from."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table as it is read, and the records that its csv holds.

    Attributes:
        name: of its files.
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
        """Titles of a group's columns."""
        return self.titles.get(group, self.columns)

    def parts(self) -> list[Table]:
        """Tables of one set of columns each, of groups that follow one another; the first tells what holds for all."""
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
        """Rows by group, in order."""
        names = dict.fromkeys(row.group for row in self.rows)
        return [(name, [row for row in self.rows if row.group == name]) for name in names]


def status(measured: Measured | None) -> str:
    """``measured``, ``undefined`` (a seed has no kappa) or ``not run``."""
    if measured is None:
        return "not run"
    return "undefined" if measured.undefined else "measured"


def kappa_number(measured: Measured | None, notes: tuple[int, ...] = ()) -> Number:
    """Mean, spread and interval of kappas, or why there are none."""
    if measured is None or measured.undefined:
        return Number(status(measured), None, notes)
    shown = with_sd(measured.mean, measured.sd)
    return Number(shown, measured.mean, notes, interval(measured), ends_of(measured.interval), measured.arm)


def ends_of(found: object) -> Ends:
    """The ends of anything that has ``low`` and ``high``; None where there is nothing, or where they are NaN."""
    low, high = getattr(found, "low", math.nan), getattr(found, "high", math.nan)
    return None if math.isnan(low) or math.isnan(high) else (low, high)


def interval(measured: Measured) -> str:
    """The mean's interval; nothing where there is none."""
    return ends(measured.interval.low, measured.interval.high) if measured.interval else ""


def words(cell: Cell) -> tuple[str, ...]:
    """What a cell shows: its own text, and what stands with it: the interval, the published number."""
    if isinstance(cell, Text):
        return (cell.text,)
    if isinstance(cell, Number):
        return cell.text, *filter(None, (cell.interval,))
    if isinstance(cell, Paper):
        return (cell.printed.value,)
    published = f"(paper {cell.published})" if cell.published and cell.beside else ""
    if cell.measured is None or cell.value is None:
        return cell.status, *filter(None, (published,))
    return with_sd(cell.measured.mean, cell.measured.sd), *filter(None, (interval(cell.measured), published))
