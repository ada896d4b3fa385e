"""Saved views of an experiment in MLflow's UI: selection, columns and order of the table of runs.

MLflow stores a saved view as a tag of the experiment, with its state as JSON (as of MLflow 3.17; columns are named
``kind.`name```). Other versions of the UI ignore such tags.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping

TAG = "mlflow.sharedViewState."
"""Prefix of the tags that hold views."""
PARAMETER = "viewStateShareKey"
"""Query parameter of the page that selects the view."""
ARMS = "arms"
"""Default view of an experiment."""
VIEWS = {
    ARMS: (
        "Arms: mean over seeds",
        "group",
        ("val_kappa_mean", "val_kappa_sd", "test_kappa_mean", "test_kappa_sd", "seeds"),
        ("verdict", "differs", "method", "size", "loss", "data"),
    ),
    "runs": (
        "Runs: one per seed",
        "seed",
        ("val_kappa", "test_kappa", "resources/seconds", "resources/parameters"),
        ("method", "arm", "size", "seed", "flags", "data"),
    ),
}
"""Name -> title, kind of the runs shown, and metrics and tags as columns, sorted by the first from high to low."""
_WIDTH = 150
"""Width of a column in pixels; column names fit."""


def missing_views(tags: Mapping[str, str]) -> dict[str, str]:
    """Return the tags of the views that an experiment lacks; those that it has stay, as a user may have edited them."""
    now, missing = int(time.time() * 1000), {}
    for key, (title, kind, metrics, shown) in VIEWS.items():
        columns = [f"metrics.`{name}`" for name in metrics] + [f"tags.`{name}`" for name in shown]
        state = {
            "searchFilter": f"tags.kind = '{kind}'",
            "orderByKey": columns[0],
            "orderByAsc": False,
            "selectedColumns": columns,
            "columnOrder": columns,
            "columnWidths": dict.fromkeys(columns, _WIDTH),
        }
        missing[TAG + key] = json.dumps({"name": title, "createdAt": now, "updatedAt": now, "state": json.dumps(state)})
    return {tag: view for tag, view in missing.items() if tag not in tags}
