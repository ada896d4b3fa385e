"""Our arms next to the results that the authors of the data set published, if there are any."""

from __future__ import annotations

from dataclasses import replace
from math import sqrt
from typing import Any

from benchmark.common.terms import Arm
from benchmark.report.captions import data_sentence, run_notes, seeds_sentence
from benchmark.report.inputs import Inputs
from benchmark.report.results import Results
from benchmark.report.table import Notes, Number, Row, Table, fields_of
from benchmark.report.tables.metrics import metric_cell, outputs
from benchmark.report.tables.registry import TableInfo
from benchmark.scoring.decision_rules.registry import DEFAULT
from benchmark.scoring.metrics import METRICS
from benchmark.statistics.estimates import Estimate
from benchmark.statistics.published.dataset_authors import DatasetAuthors, PublishedResult

ABOUT = TableInfo(keys=("metric", "split", "row"), order=8)

PROPORTIONS = ("accuracy",)
"""Metrics that are proportions of images."""


def make(inputs: Inputs) -> Table | None:
    """Make the table: the authors' baselines, then each arm that has the same head; None without published results."""
    authors, params, results = inputs.dataset_authors, inputs.params, inputs.results
    if authors is None:
        return None
    notes = Notes()
    rows = [Row("published", one.method, _printed(authors, one)) for one in authors.results]
    arms = [arm for arm, head in outputs(params, results) if head == authors.head]
    for arm in arms:
        numbers = notes.number(*run_notes(params, results, arm, authors.head))
        cells = tuple(_own(authors, arm, name, results, numbers) for name in authors.metrics)
        rows.append(Row("ours", f"{arm} ({params.sizes.of(params.arm(*arm).size)} px)", cells, (arm,)))
    return Table(
        name="dataset_authors",
        title=f"Beside the data set authors' own results: {authors.title}",
        caption=(
            f"Our arms next to {authors.title}'s published baselines ({authors.source}; "
            f"{authors.n or 'an unknown number of'} images, no spread), on the same {authors.split} split. Accuracy is "
            "that of the most probable grade; AUC is the area under the ROC curve of each grade against the rest, "
            f"averaged over the grades. {data_sentence(results)} {seeds_sentence(params)} images ±: the binomial "
            "standard error of a proportion of that many images, that is the spread over other test images; an AUC is "
            "not a proportion of images and has none. Our networks and training differ from the authors'; this table "
            "does not judge a claim of the paper."
        ),
        columns=("method", *(METRICS[name].title for name in authors.metrics)),
        rows=rows,
        notes=notes.texts,
        records=[
            *(_published(authors, one, place) for one in authors.results for place in range(len(authors.metrics))),
            *(_ours(authors, arm, name, results) for arm in arms for name in authors.metrics),
        ],
    )


def _printed(authors: DatasetAuthors, result: PublishedResult) -> tuple[Number, ...]:
    """Return the authors' values as printed."""
    return tuple(
        Number(value, float(value), interval=_se_text(binomial_se(name, float(value), authors.n)))
        for name, value in zip(authors.metrics, result.values, strict=True)
    )


def _own(authors: DatasetAuthors, arm: Arm, name: str, results: Results, notes: tuple[int, ...]) -> Number:
    """Return our value of one metric."""
    measured = results.measured(arm, authors.head, authors.split, name)
    cell = metric_cell(results, arm, authors.split, authors.head, name, notes)
    se = _se_text(binomial_se(name, cell.value, measured.n_images if measured else None))
    return replace(cell, interval=" ".join(filter(None, (cell.interval, se))))


def binomial_se(metric: str, value: float | None, n: int | None) -> float | None:
    """Return the standard error of a proportion of n images; None for another metric or if a value is unknown."""
    if metric not in PROPORTIONS or value is None or not n:
        return None
    return sqrt(value * (1 - value) / n)


def _se_text(se: float | None) -> str:
    return "" if se is None else f"(images ± {se:.3f})"


def _published(authors: DatasetAuthors, result: PublishedResult, place: int) -> dict[str, Any]:
    name, value = authors.metrics[place], result.values[place]
    se = binomial_se(name, float(value), authors.n)
    return _record(authors, name, result.method, se) | {"estimate": value, "n_images": authors.n}


def _ours(authors: DatasetAuthors, arm: Arm, name: str, results: Results) -> dict[str, Any]:
    measured = results.measured(arm, authors.head, authors.split, name)
    se = binomial_se(name, measured.estimate, measured.n_images) if measured else None
    own = {"method": arm[0], "arm": arm[1], "rule": DEFAULT[authors.head], "data": results.data}
    return _record(authors, name, str(arm), se, measured) | own


def _record(
    authors: DatasetAuthors, name: str, title: str, se: float | None, measured: Estimate | None = None
) -> dict[str, Any]:
    own = {"metric": name, "split": authors.split, "row": title, "rule": ""}
    return own | fields_of(measured) | {"binomial_se": se}
