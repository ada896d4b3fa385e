"""Fields that the csv of several tables share."""

from __future__ import annotations

from typing import Any

from benchmark.report.results import Measured, Results


def measured_fields(measured: Measured | None) -> dict[str, Any]:
    """Mean, spread, seeds and images of a kappa, as a record holds them."""
    if measured is None:
        return dict.fromkeys(("mean", "sd", "seeds", "n"), "")
    return {
        "mean": "" if measured.undefined else f"{measured.mean:.6f}",
        "sd": "" if measured.sd is None else f"{measured.sd:.6f}",
        "seeds": " ".join(map(str, measured.seeds)),
        "n": measured.n,
    }


def data_fields(results: Results, measured: object) -> dict[str, Any]:
    """The data set of a record; empty where nothing was measured on it."""
    return {
        "data": results.data if measured else "",
        "synthetic": str(results.synthetic).lower() if measured else "",
    }
