"""Which runs a line of a table comes from: what is the same on every rebuild, as columns of its csv.

``stage`` and ``arm`` lead on to ``reports/provenance.json``, which holds the rest.
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
    """The table with :data:`RUN_COLUMNS` in each record, where its records name arms; they keep those that they have.

    A record names its arms as :func:`arms_of` says; the facts of several arms are separated by bars.
    """
    if not any(_names_arms(record) for record in table.records):
        return table
    facts = {arm: columns_of_runs(results.runs_of(*arm)) for arm in results.arms()}
    # What a record has already stays in its place.
    return replace(table, records=tuple({**record, **_columns_of(record, facts), **record} for record in table.records))


def arms_of(record: Mapping[str, Any]) -> tuple[Arm, ...]:
    """The arms that a record names: by ``stage`` and ``arm``, else as ``stage/arm`` in ``a``, ``b`` and ``chain``.

    Behind the path in ``a`` or ``b`` there may be a head.
    """
    if record.get("arm"):
        return (Arm(record["stage"], record["arm"]),)
    named = [record[side].partition(" ")[0] for side in ("a", "b") if side in record]
    arms = map(Arm.parse, (*named, *record.get("chain", "").split()))
    return tuple(arm for arm in arms if arm.name)


def _names_arms(record: Mapping[str, Any]) -> bool:
    return {"stage", "arm"} <= record.keys() or {"a", "b"} <= record.keys()


def _columns_of(record: Mapping[str, Any], facts: Mapping[Arm, Mapping[str, str]]) -> dict[str, str]:
    """What is known of the arms of a record that ran."""
    found = [facts[arm] for arm in arms_of(record) if arm in facts]
    return {column: " | ".join(dict.fromkeys(fact[column] for fact in found)) for column in RUN_COLUMNS}


def columns_of_runs(runs: pd.DataFrame) -> dict[str, str]:
    """The :data:`RUN_COLUMNS` of one arm's runs.

    Seeds share their parameters, unless some are left from before a change: then there are several hashes.
    """
    return {
        "seeds": " ".join(map(str, runs["seed"])),
        "runs": runs_hash(runs["key"]),
        "data_hash": " ".join(runs["data_hash"].unique()),
        "parameter_hash": " ".join(runs["parameter_hash"].unique()),
    }
