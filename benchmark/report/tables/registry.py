"""Interface and metadata of the tables in this package; each file is one table and describes itself in ``ABOUT``.

A table is a module with ``make(inputs) -> Table | None``, a pure function of the outputs of earlier stages; None if
there is nothing to show for this data set.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib import import_module
from math import inf

from benchmark.common.plugins import discover
from benchmark.report.captions import default_sentence
from benchmark.report.inputs import Inputs
from benchmark.report.named_arms import complete_records, name_own_settings, own_settings
from benchmark.report.table import Table


@dataclass(frozen=True, slots=True)
class TableInfo:
    """Metadata of a table."""

    keys: tuple[str, ...]
    """Columns of the csv that identify a row. None of them may hold a measured value."""
    order: float = inf
    """Position in the report: tables are sorted by this, then by name."""
    training: bool = False
    """True if it describes trainings; it is left out where nothing is trained here."""


TABLE_INFOS = discover(__package__, TableInfo)
"""Metadata by name of the file, in reading order."""


def make_tables(inputs: Inputs) -> list[Table]:
    """Make every table that has something to show, with the runs behind each record.

    Raises InputError if an earlier stage has not run, or the published numbers break a rule.
    """
    own, changed = own_settings(inputs.params), default_sentence(inputs.differences)
    made = []
    for name, info in TABLE_INFOS.items():
        if inputs.params.trains or not info.training:
            table: Table | None = import_module(f"{__package__}.{name}").make(inputs)
            if table and table.rows:
                table = name_own_settings(complete_records(replace(table, name=name), inputs.results), own)
                made.append(replace(table, caption=f"{table.caption} {changed}".rstrip()))
    return made
