"""Arms that records and rows name: the runs behind each record, and settings of an arm's own.

``method`` and ``arm`` are the keys of ``reports/provenance.json``, which holds the rest.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import pandas as pd

from benchmark.common.terms import Arm
from benchmark.report.results import Results
from benchmark.report.table import Number, Table
from benchmark.runs.declared import runs_hash
from benchmark.runs.labels import settings_text
from benchmark.settings.params import Params

RUN_COLUMNS = ("seeds", "runs", "data_hash", "parameter_hash")
"""Seeds, and hashes of the runs' keys (:attr:`.RunSpec.key`), of the data set and of the parameters: the same on every
rebuild."""


def complete_records(table: Table, results: Results) -> Table:
    """Return a table whose records begin with its name and end with the runs behind them.

    If they name arms, as :func:`arms_of` describes, :data:`RUN_COLUMNS` are added;
    existing values stay, and the values of several arms are separated by bars.
    """
    records = [{"table": table.name, **record} for record in table.records]
    if any({"method", "arm"} <= record.keys() or {"a", "b"} <= record.keys() for record in records):
        columns = {arm: columns_of_runs(results.runs_of(*arm)) for arm in results.arms()}
        for record in records:
            ran = [columns[arm] for arm in arms_of(record) if arm in columns]
            for name in RUN_COLUMNS:
                record.setdefault(name, " | ".join(dict.fromkeys(each[name] for each in ran)))
    return replace(table, records=tuple(records))


def arms_of(record: Mapping[str, Any]) -> tuple[Arm, ...]:
    """Return the arms that a record names.

    They are in ``method`` and ``arm``. ``versus``, ``a`` and ``b``, the sides of a comparison, hold ``method/arm``,
    optionally followed by a space and a head. ``chain``, an arm with all arms whose weights it builds on, holds several
    ``method/arm`` and is read only without ``arm``.
    """
    arms = [Arm(record["method"], record["arm"])] if record.get("arm") else []
    paths = [(record.get(side) or "").partition(" ")[0] for side in ("versus", "a", "b")]
    if not arms:
        paths += (record.get("chain") or "").split()
    return tuple(dict.fromkeys([*arms, *(Arm.parse(path) for path in paths if path)]))


def columns_of_runs(runs: pd.DataFrame) -> dict[str, str]:
    """Return the :data:`RUN_COLUMNS` of one arm's runs; runs left from before a change give several hashes."""
    hashes = {name: " ".join(runs[name].unique()) for name in ("data_hash", "parameter_hash")}
    return {"seeds": " ".join(map(str, runs["seed"])), "runs": runs_hash(runs["key"]), **hashes}


def own_settings(params: Params) -> dict[Arm, str]:
    """Return the settings of each declared arm that has its own, as text."""
    arms = (Arm(method, name) for method, arms in params.arms.items() for name in arms)
    return {arm: settings_text(settings) for arm in arms if (settings := params.own_settings(arm))}


def name_own_settings(table: Table, own: Mapping[Arm, str]) -> Table:
    """Return a table whose labels and caption contain the own settings of the arms that it shows."""
    shown = {arm for record in table.records for arm in arms_of(record)}
    shown |= {arm for row in table.rows for arm in row.arms}
    shown |= {cell.arm for row in table.rows for cell in row.cells if isinstance(cell, Number) and cell.arm}
    rows = list(table.rows)
    for arm, settings in own.items():
        # Not as a part of a longer name.
        name, full = re.compile(rf"(?<![\w./-]){re.escape(str(arm))}(?![\w./-])"), f"{arm} ({settings})"
        rows = [replace(row, label=full.join(name.split(row.label))) for row in rows]
        shown |= {arm} if any(full in row.label for row in rows) else set()
    return replace(table, rows=rows, caption=add_own_settings(table.caption, own, shown))


def add_own_settings(caption: str, own: Mapping[Arm, str], shown: Collection[Arm]) -> str:
    """Return a caption with a sentence on the own settings of the arms that are shown."""
    listed = "; ".join(f"{arm}: {settings}" for arm, settings in own.items() if arm in shown)
    return f"{caption} Arms with settings that differ from the others': {listed}." if listed else caption
