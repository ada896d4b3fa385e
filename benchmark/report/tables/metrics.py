"""Further metrics: every metric of every arm and head, on both splits."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any, cast

from benchmark.common.terms import EVALUATED, Arm, Head, Split
from benchmark.report.captions import HEAD_NAMES, caption, run_notes
from benchmark.report.inputs import Inputs
from benchmark.report.results import Results
from benchmark.report.table import Notes, Number, Row, Table, estimate_cell, fields_of, status
from benchmark.report.tables.registry import TableInfo
from benchmark.scoring.decision_rules.registry import DEFAULT
from benchmark.scoring.metrics import BINS, METRICS, REFERABLE, Family
from benchmark.settings.params import PREDICTIONS, Params
from benchmark.statistics.estimates import select
from benchmark.statistics.metrics import N_OUTPUT_RESAMPLES
from models.losses.registry import LOSSES

ABOUT = TableInfo(keys=("method", "arm", "split", "head", "metric"), order=7)

FAMILIES: dict[Family, str] = {
    "agreement": "agreement and error",
    "grades": "share found of each grade's images",
    "outputs": "referable DR, and the probabilities",
}
"""Title of each family of metrics; a group of the table shows one family on one split."""


def make(inputs: Inputs) -> Table:
    """Make the table: mean and spread over seeds of each metric, a row per arm and head."""
    params, results, notes = inputs.params, inputs.results, Notes()
    rows: list[Row] = []
    titles: dict[str, tuple[str, ...]] = {}
    for split, (family, about) in product(EVALUATED, FAMILIES.items()):
        group = f"{split}: {about} (n = {results.images(split)})"
        names = [name for name, metric in METRICS.items() if metric.family == family]
        titles[group] = ("arm", *(_title(name, split, results) for name in names))
        for arm, head in outputs(params, results):
            numbers = notes.number(*run_notes(params, results, arm, head))
            cells = tuple(metric_cell(results, arm, split, head, name, numbers) for name in names)
            rows.append(Row(group, f"{arm}: {HEAD_NAMES[head]}", cells))
    records: list[dict[str, Any]] = []
    for (arm, head), split, (name, metric) in product(outputs(params, results), EVALUATED, METRICS.items()):
        if metric.head in (None, head):
            measured = results.measured(arm, head, split, name)
            own = {"method": arm[0], "arm": arm[1], "split": split, "head": head, "rule": DEFAULT[head], "metric": name}
            records.append(own | {"better": metric.better} | fields_of(measured) | own | {"status": status(measured)})
    lower = ", ".join(metric.title for metric in METRICS.values() if metric.better == "lower")
    return Table(
        title="Further metrics",
        caption=caption(
            "Further metrics of each arm and output. Kappa: quadratic weighted; macro F1: over the grades that occur; "
            "MAE: mean distance from the label in grades; AMAE: that of each grade's images, averaged over the grades; "
            "off by one: proportion graded exactly one too high or too low. Referable DR is grade "
            f"{REFERABLE} or higher; its AUC is of the score or of the probability of those grades; AUC of grades: "
            "that of each grade against the rest, averaged. RPS: ranked probability score, 0 to 4; ECE: expected "
            f"calibration error over {BINS} bins; ECE if calibrated: that of a calibrated network with the same "
            f"confidences, from noise alone; intervals of areas, RPS and ECE: {N_OUTPUT_RESAMPLES:,} resamples. "
            f"{lower}: lower is better; the others: higher is better. A number in parentheses counts the images of a "
            "column, if those are not all. Undefined: a run has no value, because there is no image of that grade or "
            "on that side of the threshold.",
            params,
            results,
        ),
        columns=next(iter(titles.values())),
        rows=rows,
        notes=notes.texts,
        records=records,
        titles=titles,
    )


def outputs(params: Params, results: Results) -> Iterator[tuple[Arm, Head]]:
    """Yield every declared arm with each of its heads, and then the arms that were measured elsewhere."""
    for method, arms in params.arms.items():
        for name, arm in arms.items():
            for head in LOSSES[arm.loss].heads:
                yield Arm(method, name), cast("Head", head)
    for method in params.predicted:
        given = Arm(method, PREDICTIONS)
        yield from ((given, head) for head in results.heads_of(given))


def _title(name: str, split: Split, results: Results) -> str:
    """Return the title of a metric's column, with its number of images if that is not the size of the split."""
    rows = select(results.estimates, kind="metric", quantity=name, split=split)
    title = METRICS[name].title
    return title if not rows or rows[0].n_images == results.images(split) else f"{title} ({rows[0].n_images})"


def metric_cell(results: Results, arm: Arm, split: Split, head: Head, name: str, notes: tuple[int, ...]) -> Number:
    """Return a metric's mean, spread and interval, or the reason why there is none."""
    if METRICS[name].head not in (None, head):
        return Number("-")
    return estimate_cell(results.measured(arm, head, split, name), notes)
