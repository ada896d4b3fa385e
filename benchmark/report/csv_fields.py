"""Fields that the csv of several tables share."""

from __future__ import annotations

import math
from typing import Any

from benchmark.common.csv_rows import DIGITS
from benchmark.report.results import Measured, Results

_INTERVAL = ("low", "high", "level", "replicates", "over")
"""Of a mean: its ends, its nominal coverage, how many resamples it is from, and what it is taken over."""


def plain(value: Any) -> Any:
    """A value as a csv holds it: a float with six digits, nothing for None and NaN, a truth value in lower case."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{round(value, DIGITS) + 0.0:.{DIGITS}f}"
    return "" if value is None else value


def measured_fields(measured: Measured | None) -> dict[str, Any]:
    """Mean, spread, interval, seeds and images of a kappa, as a record holds them."""
    if measured is None:
        return dict.fromkeys(("mean", "sd", *_INTERVAL, "seeds", "n"), "")
    return {
        "mean": plain(measured.mean),
        "sd": plain(measured.sd),
        **{name: plain(getattr(measured.interval, name, None)) for name in _INTERVAL},
        "seeds": " ".join(map(str, measured.seeds)),
        "n": measured.n,
    }


def data_fields(results: Results, measured: object) -> dict[str, Any]:
    """The data set of a record; empty where nothing was measured on it."""
    return {
        "data": results.data if measured else "",
        "synthetic": plain(results.synthetic) if measured else "",
    }
