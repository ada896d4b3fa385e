"""What tells the lines of each of the report's tables apart, and which of their columns hang on trainings."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from benchmark.common.errors import InputError

Key = tuple[str, ...]

KEYS: Mapping[str, Key] = MappingProxyType(
    {
        "ablation": ("row", "column", "split"),
        "comparison": ("row", "step", "column"),
        "comparisons": ("about", "a", "b", "split", "head"),
        "confound": ("size", "row", "split", "head"),
        "cost": ("row",),
        "cost_time": ("stage", "arm"),
        "decoding": ("kind", "stage", "arm", "head", "rule", "tuned_on", "split"),
        "checks": ("check", "issue"),
        "makers": ("metric", "split", "method"),
        "metrics": ("stage", "arm", "split", "head", "metric"),
        "rivals": ("kind", "about", "a", "b", "split", "among", "rank"),
        "spatial": ("sizes_of", "trunk", "pixels", "level"),
        "transfer": ("name", "stage", "arm", "head"),
        "verdicts": ("claim", "part", "split"),
    }
)
"""Per table, the columns of which no two lines agree in all. What is measured can be none of them."""

NOISY: frozenset[str] = frozenset(
    {
        "low",
        "high",
        "kappa",
        "share",
        "own_kappa",
        "own_low",
        "own_high",
        "difference_low",
        "difference_high",
        "undefined",
        "between",
    }
    | {"kappa_a", "kappa_b", "p", "p_holm", "p_retrained", "p_retrained_holm", "resolvable", "binomial_error"}
    | {f"{what}_{share}" for what in ("images_to", "macs_to", "kappa") for share in (90, 95)}
    | {"verdict", "verdict_half", "verdict_double", "finding", "magnitude", "note", "favours"}
    | {"p_short", "p_short_half", "p_short_double"}
)
"""Columns that follow from trainings and bear no spread: in a line with seeds, other seeds give them other values."""


def keys_of(table: str) -> Key:
    """The key columns of a table.

    Raises:
        InputError: none are declared.
    """
    if table not in KEYS:
        msg = f"each table must declare what tells its lines apart, but {table} does not: add it to {__name__}.KEYS"
        raise InputError(msg)
    return KEYS[table]
