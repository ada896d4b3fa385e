"""Columns that identify the runs behind a line of a table, the same on every rebuild.

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


def with_run_columns(table: Table, results: Results) -> Table:
    """Add :data:`RUN_COLUMNS` to each record of a table whose records name arms; values that are there already stay.

    A record names its arms as :func:`arms_of` says; the facts of several arms are separated by bars.
    """
    if not any(_names_arms(record) for record in table.records):
        return table
    facts = {arm: columns_of_runs(results.runs_of(*arm)) for arm in results.arms()}
    # What a record has already stays in its place.
    return replace(table, records=tuple({**record, **_columns_of(record, facts), **record} for record in table.records))


def arms_of(record: Mapping[str, Any]) -> tuple[Arm, ...]:
    """Return the arms that a record names.

    They stand in ``method`` and ``arm``, or as ``method/arm`` in ``versus``, ``a``, ``b`` and ``chain``. A head may
    follow in ``versus``, ``a`` and ``b``.
    """
    arms = [Arm(record["method"], record["arm"])] if record.get("arm") else []
    paths = [record.get(side, "").partition(" ")[0] for side in ("versus", "a", "b")]
    if not arms:
        paths += record.get("chain", "").split()
    return tuple(dict.fromkeys([*arms, *(Arm.parse(path) for path in paths if path)]))


def _names_arms(record: Mapping[str, Any]) -> bool:
    return {"method", "arm"} <= record.keys() or {"a", "b"} <= record.keys()


def _columns_of(record: Mapping[str, Any], facts: Mapping[Arm, Mapping[str, str]]) -> dict[str, str]:
    """Return the facts of a record's arms that ran."""
    found = [facts[arm] for arm in arms_of(record) if arm in facts]
    return {column: " | ".join(dict.fromkeys(fact[column] for fact in found)) for column in RUN_COLUMNS}


def columns_of_runs(runs: pd.DataFrame) -> dict[str, str]:
    """Return the :data:`RUN_COLUMNS` of one arm's runs.

    Seeds share their parameters, unless some are left from before a change: then there are several hashes.
    """
    return {
        "seeds": " ".join(map(str, runs["seed"])),
        "runs": runs_hash(runs["key"]),
        "data_hash": " ".join(runs["data_hash"].unique()),
        "parameter_hash": " ".join(runs["parameter_hash"].unique()),
    }
