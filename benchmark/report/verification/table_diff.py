"""Cells of a csv table as text, and the first difference between two versions."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from benchmark.common.errors import InputError
from benchmark.report.tables.registry import TABLE_INFOS

TextRow = Mapping[str, str]
"""Text by column."""

WHOLE = "(all)"
"""Name of the row or column if all of it is on one side only."""


@dataclass(frozen=True, slots=True)
class Difference:
    """The first difference between a stored file and its recomputation."""

    table: str
    row: str
    column: str
    stored: str
    recomputed: str

    def __str__(self) -> str:
        where = f"{self.table}, row {self.row}" + f", column {self.column}" * bool(self.column)
        return f"{where}: stored {self.stored!r}, recomputed {self.recomputed!r}"


def keys_of(table: str) -> tuple[str, ...]:
    """Return the key columns of a table; raise InputError for an unknown table."""
    if table not in TABLE_INFOS:
        msg = f"each table must declare its key columns, but {table} does not: compare tables of this version"
        raise InputError(msg)
    return TABLE_INFOS[table].keys


def read_lines(text: str) -> list[dict[str, str]]:
    """Return the rows of a csv file; missing fields of a short row are empty."""
    return list(csv.DictReader(io.StringIO(text), restval=""))


def first_difference(table: str, stored: str, recomputed: str) -> Difference | None:
    """Return the first cell in which two texts of a csv table differ; None if they are equal."""
    if stored == recomputed:
        return None
    sides = read_lines(stored), read_lines(recomputed)
    return (differing_cell(table, *sides) if all(sides) else None) or first_line(table, stored, recomputed)


def differing_cell(table: str, stored: Sequence[TextRow], recomputed: Sequence[TextRow]) -> Difference | None:
    """Return the first cell in which two versions of a table's rows differ; None if all are equal."""
    if not (stored and recomputed):
        sides = ("absent", "present") if recomputed else ("present", "absent")
        return Difference(table, WHOLE, "", *sides) if stored or recomputed else None
    columns = keys_of(table.removesuffix(".csv"))
    nothing: dict[str, str] = {}
    for old, new in zip_longest(stored, recomputed, fillvalue=nothing):
        row = named(tuple((new or old).get(name, "") for name in columns))
        for column in dict.fromkeys((*old, *new)):
            if old.get(column) != new.get(column):
                return Difference(table, row, column, old.get(column, ""), new.get(column, ""))
    return None


def first_line(table: str, stored: str, recomputed: str) -> Difference | None:
    """Return the first line in which two texts differ; None if they are equal."""
    sides = stored.splitlines(keepends=True), recomputed.splitlines(keepends=True)
    for number, (old, new) in enumerate(zip_longest(*sides, fillvalue=""), 1):
        if old != new:
            return Difference(table, str(number), "", old, new)
    return None


def named(key: tuple[str, ...]) -> str:
    """Return the name of a row from its key."""
    return " | ".join(filter(None, key))
