"""Arms with settings of their own, named in row labels and captions."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import replace

from benchmark.common.terms import Arm
from benchmark.report.run_columns import arms_of
from benchmark.report.table import Number, Row, Table
from benchmark.runs.labels import settings_text
from benchmark.settings.params import Params


def own_settings(params: Params) -> dict[Arm, str]:
    """Return the settings of each declared arm that has its own, as text."""
    arms = (Arm(method, name) for method, arms in params.arms.items() for name in arms)
    return {arm: settings_text(settings) for arm in arms if (settings := params.own_settings(arm))}


def name_own_settings(table: Table, own: Mapping[Arm, str]) -> Table:
    """Return a table whose labels and caption contain the own settings of the arms that it shows."""
    shown = {arm for record in table.records for arm in arms_of(record)}
    shown |= {arm for row in table.rows for arm in _arms(row)}
    rows = [replace(row, label=_named(row.label, own)) for row in table.rows]
    shown |= {arm for arm, settings in own.items() for row in rows if f"{arm} ({settings})" in row.label}
    return replace(table, rows=rows, caption=add_own_settings(table.caption, own, shown))


def add_own_settings(caption: str, own: Mapping[Arm, str], shown: Collection[Arm]) -> str:
    """Return a caption with a sentence on the own settings of the arms that are shown."""
    listed = "; ".join(f"{arm}: {settings}" for arm, settings in own.items() if arm in shown)
    return f"{caption} Arms with settings that differ from the others': {listed}." if listed else caption


def _arms(row: Row) -> list[Arm]:
    return [*row.arms, *(cell.arm for cell in row.cells if isinstance(cell, Number) and cell.arm)]


def _named(label: str, own: Mapping[Arm, str]) -> str:
    """Return a label in which each name of such an arm is followed by its settings."""
    for arm, settings in own.items():
        # Not as a part of a longer name.
        name = rf"(?<![\w./-]){re.escape(str(arm))}(?![\w./-])"
        label = f"{arm} ({settings})".join(re.split(name, label))
    return label
