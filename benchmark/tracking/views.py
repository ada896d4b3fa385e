"""Views of an experiment's runs: which columns MLflow's table shows first, of which runs, in which order.

MLflow keeps a view that a user saves as a tag of the experiment, with its state as JSON (seen in the scripts of MLflow
3.17's UI: names of columns are ``kind.`name```). A UI that does not know such tags leaves them alone.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass

TAG = "mlflow.sharedViewState."
_WIDTH = 150
"""Of a column, in pixels, so that its name can be read."""
PARAMETER = "viewStateShareKey"
"""Of the page's address: the view that it opens with."""


@dataclass(frozen=True, slots=True)
class View:
    """A table of runs."""

    name: str
    kind: str
    """Of the runs that are shown."""
    metrics: tuple[str, ...]
    tags: tuple[str, ...]
    order: str
    """The metric that the table is sorted by, the highest first."""

    def state(self) -> str:
        """As the UI reads it."""
        columns = [f"metrics.`{name}`" for name in self.metrics] + [f"tags.`{name}`" for name in self.tags]
        told = {
            "searchFilter": f"tags.kind = '{self.kind}'",
            "orderByKey": f"metrics.`{self.order}`",
            "orderByAsc": False,
            "selectedColumns": columns,
            "columnOrder": columns,
            "columnWidths": dict.fromkeys(columns, _WIDTH),
        }
        return json.dumps(told)


ARMS = "arms"
"""What an experiment opens with."""
VIEWS: dict[str, View] = {
    ARMS: View(
        name="Arms: mean over seeds",
        kind="group",
        metrics=("val_kappa_mean", "val_kappa_sd", "test_kappa_mean", "test_kappa_sd", "seeds"),
        tags=("verdict", "method", "size", "objective", "data"),
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


def missing(tags: Mapping[str, str]) -> dict[str, str]:
    """Tags that give an experiment these views; one that a user has changed since is left as it is.

    Args:
        tags: that it has.
    """
    found = {}
    for key, view in VIEWS.items():
        known = _read(tags.get(f"{TAG}{key}", ""))
        untouched = known.get("updatedAt") == known.get("createdAt")
        if not known or (untouched and known.get("state") != view.state()):
            now = int(time.time() * 1000)
            envelope = {"name": view.name, "createdAt": now, "updatedAt": now, "state": view.state()}
            found[f"{TAG}{key}"] = json.dumps(envelope)
    return found


def _read(text: str) -> dict[str, object]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
