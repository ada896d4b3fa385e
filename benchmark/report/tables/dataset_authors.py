"""Our arms next to the results that the authors of the data set published, if there are any."""

from __future__ import annotations

from dataclasses import replace
from math import isnan, sqrt
from typing import Any

from benchmark.report.captions import data_sentence, run_notes, seeds_sentence
from benchmark.report.inputs import Inputs
from benchmark.report.table import Notes, Number, Row, Table, fields_of
from benchmark.report.tables.metrics import metric_cell, outputs
from benchmark.report.tables.registry import TableInfo
from benchmark.scoring.decision_rules.registry import DEFAULT
from benchmark.scoring.metrics import METRICS

ABOUT = TableInfo(keys=("metric", "split", "row"), order=8)

PROPORTIONS = ("accuracy",)
"""Metrics that are proportions of images."""


def make(inputs: Inputs) -> Table | None:
    """Make the table: the authors' baselines, then each arm that has the same head; None without published results."""
    authors, params, results = inputs.dataset_authors, inputs.params, inputs.results
    if authors is None:
        return None
    split, head = authors.split, authors.head
    notes, rows, records = Notes(), [], []
    for published in authors.results:
        cells = []
        for name, value in zip(authors.metrics, published.values, strict=True):
            se = binomial_se(name, float(value), authors.n)
            cells.append(_with_se(Number(value, float(value)), se))
            printed = {"estimate": value, "n_images": authors.n, "binomial_se": se}
            records.append(_keys(name, split, published.method) | fields_of(None) | printed)
        rows.append(Row("published", published.method, tuple(cells)))
    for arm in [arm for arm, own in outputs(params, results) if own == head]:
        numbers = notes.number(*run_notes(params, results, arm, head))
        cells = []
        for name in authors.metrics:
            measured = results.measured(arm, head, split, name)
            se = binomial_se(name, measured.estimate, measured.n_images) if measured else None
            cells.append(_with_se(metric_cell(results, arm, split, head, name, numbers), se))
            ours = {"binomial_se": se, "method": arm[0], "arm": arm[1], "rule": DEFAULT[head], "data": results.data}
            records.append(_keys(name, split, str(arm)) | fields_of(measured) | ours)
        rows.append(Row("ours", f"{arm} ({params.sizes.of(params.arm(*arm).size)} px)", tuple(cells), (arm,)))
    return Table(
        title=f"Beside the data set authors' own results: {authors.title}",
        caption=(
            f"Our arms next to {authors.title}'s published baselines ({authors.source}; "
            f"{authors.n or 'an unknown number of'} images, no spread), on the same {split} split. Accuracy is "
            "that of the most probable grade; AUC is the area under the ROC curve of each grade against the rest, "
            f"averaged over the grades. {data_sentence(results)} {seeds_sentence(params)} images ±: the binomial "
            "standard error of a proportion of that many images, that is the spread over other test images; an AUC is "
            "not a proportion of images and has none. Our networks and training differ from the authors'; this table "
            "does not judge a claim of the paper."
        ),
        columns=("method", *(METRICS[name].title for name in authors.metrics)),
        rows=rows,
        notes=notes.texts,
        records=records,
    )


def binomial_se(metric: str, value: float, n: int | None) -> float | None:
    """Return the standard error of a proportion of n images; None for another metric or if a value is unknown."""
    return None if metric not in PROPORTIONS or isnan(value) or not n else sqrt(value * (1 - value) / n)


def _with_se(cell: Number, se: float | None) -> Number:
    return cell if se is None else replace(cell, interval=f"{cell.interval} (images ± {se:.3f})".lstrip())


def _keys(metric: str, split: str, row: str) -> dict[str, Any]:
    return {"metric": metric, "split": split, "row": row, "rule": ""}
