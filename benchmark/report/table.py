"""Tables before rendering: rows of typed cells for readers, and records for the csv file."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import groupby
from typing import Any

from benchmark.common.csv_rows import DIGITS
from benchmark.common.terms import Arm
from benchmark.common.units import ends, format_measure, with_sd
from benchmark.statistics.estimates import Estimate
from benchmark.statistics.verdict_row import VerdictRow

MEASURED = (
    *("estimate", "sd", "low", "high", "confidence_level", "n_resamples", "resampled", "seeds", "n_images"),
    *("data", "synthetic", "method", "arm"),
)
"""Columns of an estimate in every csv file with estimates."""


@dataclass(frozen=True, slots=True)
class Text:
    """A cell of text."""

    text: str
    notes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Number:
    """A quantity as text and as a value to sort by. Without a value, the text gives the reason."""

    text: str
    value: float | None = None
    notes: tuple[int, ...] = ()
    interval: str = ""
    """Text of its confidence interval."""
    arm: Arm | None = None
    """Arm that was measured, if other than the arms of the row."""
    published: str = ""
    """Published number, as printed."""


Cell = Text | Number


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table. Rows with the same ``group`` are shown below that title, which may be empty."""

    group: str
    label: str
    cells: tuple[Cell, ...]
    arms: tuple[Arm, ...] = ()
    """Arms that the row is computed from."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table for readers, and the records of its csv file.

    The columns' titles begin with that of the rows' labels; a group may have ``titles`` of its own. Notes are numbered
    from 1. Records all have the same keys, in full precision and one fact per field.
    """

    title: str
    caption: str
    columns: tuple[str, ...]
    rows: Sequence[Row]
    records: Sequence[Mapping[str, Any]]
    notes: Sequence[str] = ()
    titles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    name: str = ""
    """Stem of its file names, which the report takes from the file that makes the table."""

    def columns_of(self, group: str) -> tuple[str, ...]:
        """Return the column titles of a group."""
        return self.titles.get(group, self.columns)

    def parts(self) -> list[Table]:
        """Split the table into parts with the same columns; the first part keeps the caption and the notes."""
        if not self.titles:
            return [self]
        first, *others = [
            replace(self, name=f"{self.name}-{i}", columns=columns, rows=list(rows), titles={})
            for i, (columns, rows) in enumerate(groupby(self.rows, lambda row: self.columns_of(row.group)), 1)
        ]
        more: dict[str, Any] = {"notes": (), "caption": "Continued, with the notes of the first part."}
        return [first, *(replace(part, **more) for part in others)]

    def groups(self) -> list[tuple[str, list[Row]]]:
        """Return the rows by group, in order."""
        found: dict[str, list[Row]] = {}
        for row in self.rows:
            found.setdefault(row.group, []).append(row)
        return list(found.items())


class Notes:
    """Notes of a table, numbered in order of first use."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def number(self, *texts: str) -> tuple[int, ...]:
        """Return the numbers of some notes, from 1; empty texts are ignored."""
        notes = list(filter(None, texts))
        self.texts = list(dict.fromkeys((*self.texts, *notes)))
        return tuple(self.texts.index(text) + 1 for text in notes)


def status(estimate: Estimate | None) -> str:
    """Return ``measured``, ``undefined`` (a seed has no value) or ``not run``."""
    if estimate is None:
        return "not run"
    return "undefined" if math.isnan(estimate.estimate) else "measured"


def fields_of(estimate: Estimate | None, *further: str) -> dict[str, Any]:
    """Return the columns :data:`MEASURED` of an estimate, with further ones before them; None without an estimate."""
    facts = asdict(estimate) if estimate else {}
    return {name: facts.get(name) for name in (*further, *MEASURED)}


def format_plain_value(value: Any) -> Any:
    """Return a value as in a csv file: floats with six decimals, NaN and None empty, booleans in lower case."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{round(value, DIGITS) + 0.0:.{DIGITS}f}"
    return "" if value is None else value


def with_interval(row: Estimate | VerdictRow, sign: str = "") -> str:
    """Return an estimate and its interval in one line; ``+`` shows the sign."""
    return f"{format_measure(row.estimate, sign)} {ends(row.low, row.high, sign)}".rstrip()


def estimate_cell(estimate: Estimate | None, notes: tuple[int, ...] = (), missing: str = "") -> Number:
    """Return the cell of an estimate with its spread and interval, or the reason for a missing value."""
    if estimate is None or math.isnan(estimate.estimate):
        return Number(missing or status(estimate), None, notes)
    text, interval = with_sd(estimate.estimate, estimate.sd), ends(estimate.low, estimate.high)
    return Number(text, estimate.estimate, notes, interval, Arm(estimate.method, estimate.arm))


def difference_cell(estimate: Estimate, notes: tuple[int, ...] = ()) -> Number:
    """Return the cell of a difference with its sign and its interval."""
    if math.isnan(estimate.estimate):
        return Number("undefined", None, notes)
    interval = "" if math.isnan(estimate.low) else f"[{estimate.low:+.3f}, {estimate.high:+.3f}]"
    return Number(f"{estimate.estimate:+.3f}", estimate.estimate, notes, interval)


def difference_line(estimate: Estimate, sign: str = "+", notes: tuple[int, ...] = ()) -> Number:
    """Return an estimate, by default with its sign, and its interval in one line."""
    if math.isnan(estimate.estimate):
        return Number("undefined", None, notes)
    return Number(with_interval(estimate, sign), estimate.estimate, notes)


def one_line(cell: Number, suffix: str = "") -> Number:
    """Return a cell with its interval in the same line, and a suffix if it has a value."""
    text = f"{cell.text} {cell.interval}".rstrip() + suffix * (cell.value is not None)
    return replace(cell, text=text, interval="", arm=None)


def lines_of(cell: Cell) -> tuple[str, ...]:
    """Return the lines of a cell: its text, its interval and the published number."""
    if isinstance(cell, Text):
        return (cell.text,)
    published = f"(paper {cell.published})" if cell.published else ""
    return cell.text, *filter(None, (cell.interval, published))
