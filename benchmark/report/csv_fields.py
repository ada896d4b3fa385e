"""Columns that the csv files of several tables share."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

from benchmark.common.csv_rows import DIGITS
from benchmark.statistics.estimates import Estimate

MEASURED = (
    *("estimate", "sd", "low", "high", "confidence_level", "n_resamples", "resampled", "seeds", "n_images"),
    *("data", "synthetic", "method", "arm"),
)
"""Columns of an estimate in every table that shows one."""


def plain(value: Any) -> Any:
    """Return a value as a csv holds it: a float with six digits, nothing for None and NaN, booleans in lower case."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{round(value, DIGITS) + 0.0:.{DIGITS}f}"
    return "" if value is None else value


def fields_of(estimate: Estimate | None, *further: str) -> dict[str, Any]:
    """Return the columns :data:`MEASURED` of an estimate, and further ones before them; empty without an estimate."""
    facts = asdict(estimate) if estimate else {}
    return {name: plain(facts.get(name)) for name in (*further, *MEASURED)}


def status(estimate: Estimate | None) -> str:
    """Return ``measured``, ``undefined`` (a seed has no value) or ``not run``."""
    if estimate is None:
        return "not run"
    return "undefined" if math.isnan(estimate.estimate) else "measured"
