"""Key columns of the report's csv tables, and their columns that depend on trainings."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from benchmark.common.errors import InputError

RowKey = tuple[str, ...]

KEYS: Mapping[str, RowKey] = MappingProxyType(
    {
        "ablation": ("row", "column", "split"),
        "comparison": ("row", "step", "column"),
        "comparisons": ("about", "method", "arm", "versus", "split", "head"),
        "components": ("size", "row", "split", "head"),
        "cost": ("row",),
        "cost_time": ("method", "arm"),
        "dataset_authors": ("metric", "split", "row"),
        "decoding": ("kind", "method", "arm", "head", "rule", "tuned_on", "split"),
        "checks": ("check", "issue"),
        "metrics": ("method", "arm", "split", "head", "metric"),
        "spatial": ("sizes_of", "backbone", "pixels", "n_cells"),
        "systems": ("kind", "about", "method", "arm", "versus", "split", "rank"),
        "transfer": ("kind", "about", "method", "arm", "head"),
        "verdicts": ("claim", "part", "split"),
    }
)
"""Columns that identify a row of each table. None of them may hold a measured value."""

NOISY: frozenset[str] = frozenset(
    {"low", "high", "n_undefined", "about", "binomial_se", "min_detectable_difference", "resampled"}
    | {"p", "p_beats", "p_short", "rules_low", "rules_high", "n_above", "n_analyses", "n_hold"}
    | {"failed", "failed_versus", "failed_a", "failed_b"}
    | {"rank_difference", "rank_low", "rank_high", "run_low", "run_high"}
    | {f"{name}_{percent}" for name in ("images_to", "macs_to", "kappa") for percent in (90, 95)}
    | {"verdict", "finding", "magnitude", "note", "biased_towards"}
)
"""Columns that depend on the trained networks but have no standard deviation in the table."""


def keys_of(table: str) -> RowKey:
    """Return the key columns of a table; raise InputError if none are declared."""
    if table not in KEYS:
        msg = f"each table must declare its key columns, but {table} does not: add it to {__name__}.KEYS"
        raise InputError(msg)
    return KEYS[table]
