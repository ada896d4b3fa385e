"""Views of an experiment's runs in MLflow's UI: which runs the table shows, with which columns, in which order.

MLflow stores a view that a user saves as a tag of the experiment, with its state as JSON (as of MLflow 3.17; columns
are named ``kind.`name```). Other versions of the UI ignore such tags.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass

TAG = "mlflow.sharedViewState."
"""Prefix of the tags that hold views."""
PARAMETER = "viewStateShareKey"
"""Query parameter of the page's address that selects the view."""
_WIDTH = 150
"""Width of a column in pixels, enough to read its name."""


@dataclass(frozen=True, slots=True)
class View:
    """A table of runs.

    Attributes:
        name: title in the UI.
        kind: kind of the runs shown.
        metrics, tags: columns.
        order: metric that sorts the table, the highest value first.
    """

    name: str
    kind: str
    metrics: tuple[str, ...]
    tags: tuple[str, ...]
    order: str

    def to_tag(self) -> str:
        """Return the tag's value as the UI reads it."""
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
"""The view that an experiment opens with."""
VIEWS: dict[str, View] = {
    ARMS: View(
        name="Arms: mean over seeds",
        kind="group",
        metrics=("val_kappa_mean", "val_kappa_sd", "test_kappa_mean", "test_kappa_sd", "seeds"),
        tags=("verdict", "method", "size", "loss", "data"),
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
    """Return the tags of the views that an experiment lacks; existing views may have been edited and stay.

    Args:
        tags: the experiment's tags.
    """
    return {f"{TAG}{key}": view.to_tag() for key, view in VIEWS.items() if f"{TAG}{key}" not in tags}
