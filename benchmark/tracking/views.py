"""Saved views of an experiment in MLflow's UI: selection, columns and order of the table of runs.

MLflow stores a saved view as a tag of the experiment, with its state as JSON (as of MLflow 3.17; columns are named
``kind.`name```). Other versions of the UI ignore such tags.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass

TAG = "mlflow.sharedViewState."
"""Prefix of the tags that hold views."""
PARAMETER = "viewStateShareKey"
"""Query parameter of the page that selects the view."""
_WIDTH = 150
"""Width of a column in pixels; column names fit."""


@dataclass(frozen=True, slots=True)
class View:
    """A table of runs.

    Attributes:
        name: title in the UI.
        kind: kind of the runs shown.
        metrics, tags: columns.
        order: metric that the table is sorted by, the highest value first.
    """

    name: str
    kind: str
    metrics: tuple[str, ...]
    tags: tuple[str, ...]
    order: str

    def to_tag(self) -> str:
        """Return the value of the tag in the UI's format."""
        columns = [f"metrics.`{name}`" for name in self.metrics] + [f"tags.`{name}`" for name in self.tags]
        state = {
            "searchFilter": f"tags.kind = '{self.kind}'",
            "orderByKey": f"metrics.`{self.order}`",
            "orderByAsc": False,
            "selectedColumns": columns,
            "columnOrder": columns,
            "columnWidths": dict.fromkeys(columns, _WIDTH),
        }
        now = int(time.time() * 1000)
        return json.dumps({"name": self.name, "createdAt": now, "updatedAt": now, "state": json.dumps(state)})


ARMS = "arms"
"""Default view of an experiment."""
VIEWS: dict[str, View] = {
    ARMS: View(
        name="Arms: mean over seeds",
        kind="group",
        metrics=("val_kappa_mean", "val_kappa_sd", "test_kappa_mean", "test_kappa_sd", "seeds"),
        tags=("verdict", "differs", "method", "size", "loss", "data"),
        order="val_kappa_mean",
    ),
    "runs": View(
        name="Runs: one per seed",
        kind="seed",
        metrics=("val_kappa", "test_kappa", "resources/seconds", "resources/parameters"),
        tags=("method", "arm", "size", "seed", "flags", "data"),
        order="val_kappa",
    ),
}


def missing_views(tags: Mapping[str, str]) -> dict[str, str]:
    """Return the tags of the views that an experiment lacks; existing views stay, since a user may have edited them.

    Args:
        tags: the experiment's tags.
    """
    return {f"{TAG}{key}": view.to_tag() for key, view in VIEWS.items() if f"{TAG}{key}" not in tags}
