"""Columns of the csv files that identify the runs behind each record, the same on every rebuild.

``method`` and ``arm`` are the keys of ``reports/provenance.json``, which holds the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pandas as pd

from benchmark.common.terms import Arm
from benchmark.report.results import Results
from benchmark.report.table import Table
from benchmark.runs.declared import runs_hash

RUN_COLUMNS = ("seeds", "runs", "data_hash", "parameter_hash")
"""Seeds, and hashes of the runs' keys (:attr:`.RunSpec.key`), of the data set and of the parameters."""


def complete_records(table: Table, results: Results) -> Table:
    """Return a table whose records begin with its name and end with the runs behind them.

    If they name arms, as :func:`arms_of` describes, :data:`RUN_COLUMNS` are added;
    existing values stay, and the values of several arms are separated by bars.
    """
    records = [{"table": table.name, **record} for record in table.records]
    if any({"method", "arm"} <= record.keys() or {"a", "b"} <= record.keys() for record in records):
        columns = {arm: columns_of_runs(results.runs_of(*arm)) for arm in results.arms()}
        # Merged twice: values of the record win, but the columns stay in the order of the record.
        records = [{**record, **_columns_of(record, columns), **record} for record in records]
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
    """Return the :data:`RUN_COLUMNS` of one arm's runs.

    Seeds share their parameters. Runs left from before a change give several hashes.
    """
    return {
        "seeds": " ".join(map(str, runs["seed"])),
        "runs": runs_hash(runs["key"]),
        "data_hash": " ".join(runs["data_hash"].unique()),
        "parameter_hash": " ".join(runs["parameter_hash"].unique()),
    }


def _columns_of(record: Mapping[str, Any], columns: Mapping[Arm, Mapping[str, str]]) -> dict[str, str]:
    """Return the columns of a record's arms that ran."""
    ran = [columns[arm] for arm in arms_of(record) if arm in columns]
    return {name: " | ".join(dict.fromkeys(each[name] for each in ran)) for name in RUN_COLUMNS}
