"""Our arms beside the results that the authors of the data set published, where there are any."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import sqrt
from typing import Any

from benchmark.common.terms import Arm
from benchmark.report.captions import data_sentence, seeds_sentence
from benchmark.report.csv_fields import fields_of, plain
from benchmark.report.inputs import Inputs
from benchmark.report.notes import Notes, run_texts
from benchmark.report.results import Results
from benchmark.report.table import Number, Row, Table
from benchmark.report.tables.metrics import metric_cell, outputs
from benchmark.report.tables.registry import TableInfo
from benchmark.scoring.decision_rules.registry import DEFAULT
from benchmark.scoring.metrics import METRICS
from benchmark.settings.params import Params
from benchmark.statistics.estimates import Estimate
from benchmark.statistics.published.dataset_authors import DatasetAuthors, PublishedResult

ABOUT = TableInfo(order=8)

PROPORTIONS = ("accuracy",)
"""Metrics that are proportions of images."""


def make(inputs: Inputs) -> Table | None:
    """The authors' baselines, then each arm that has the head measured the same way; None without results."""
    authors, params, results = inputs.dataset_authors, inputs.params, inputs.results
    if authors is None:
        return None
    notes = Notes()
    rows = [Row("published", one.method, tuple(_printed(authors, one))) for one in authors.results]
    arms = [arm for arm, head in outputs(params) if head == authors.head]
    for arm in arms:
        marks = notes.number(*run_texts(params, results, arm, authors.head))
        cells = (_own(authors, arm, name, results, marks) for name in authors.metrics)
        rows.append(Row("ours", f"{'/'.join(arm)} ({_pixels(params, arm)} px)", tuple(cells), (arm,)))
    return Table(
        name="dataset_authors",
        title=f"Beside the data set authors' own results: {authors.title}",
        caption=(
            f"{authors.title}'s published baselines ({authors.source}; {authors.n or 'an unknown number of'} images, "
            f"no spread) and our arms on the same {authors.split} split, measured the same way: accuracy of the most "
            "probable grade, and the area under the ROC curve of each grade against the rest, averaged over the "
            f"grades. {data_sentence(results)} {seeds_sentence(params)} images ±: the binomial standard error of a "
            "share of that many images, which is what another draw of test images would change; an AUC is no share of "
            "images and has none. Ours are other networks with another training; no claim of the paper is judged."
        ),
        columns=("method", *(METRICS[name].title for name in authors.metrics)),
        rows=tuple(rows),
        notes=tuple(notes.texts),
        records=(
            *(_published(authors, one, place) for one in authors.results for place in range(len(authors.metrics))),
            *(_ours(authors, arm, name, results) for arm in arms for name in authors.metrics),
        ),
    )


def _printed(authors: DatasetAuthors, result: PublishedResult) -> Iterator[Number]:
    """Return the authors' values as printed."""
    for name, value in zip(authors.metrics, result.values, strict=True):
        yield Number(value, float(value), interval=_in_words(binomial_se(name, float(value), authors.n)))


def _own(authors: DatasetAuthors, arm: Arm, name: str, results: Results, marks: tuple[int, ...]) -> Number:
    """Return our value of one metric."""
    found = results.measured(arm, authors.head, authors.split, name)
    cell = metric_cell(results, arm, authors.split, authors.head, name, marks)
    se = _in_words(binomial_se(name, cell.value, found.n_images if found else None))
    return replace(cell, interval=" ".join(filter(None, (cell.interval, se))))


def binomial_se(metric: str, value: float | None, n: int | None) -> float | None:
    """Return the standard error of a proportion of n images; None of another metric, and where one is unknown."""
    if metric not in PROPORTIONS or value is None or not n:
        return None
    return sqrt(value * (1 - value) / n)


def _in_words(se: float | None) -> str:
    return "" if se is None else f"(images ± {se:.3f})"


def _pixels(params: Params, arm: Arm) -> int:
    return params.sizes.of(params.arm(*arm).size)


def _published(authors: DatasetAuthors, result: PublishedResult, place: int) -> dict[str, Any]:
    name, value = authors.metrics[place], result.values[place]
    se = binomial_se(name, float(value), authors.n)
    return _record(authors, name, result.method, se) | {"estimate": value, "n_images": plain(authors.n)}


def _ours(authors: DatasetAuthors, arm: Arm, name: str, results: Results) -> dict[str, Any]:
    found = results.measured(arm, authors.head, authors.split, name)
    se = binomial_se(name, found.estimate, found.n_images) if found else None
    own = {"method": arm[0], "arm": arm[1], "rule": DEFAULT[authors.head], "data": results.data}
    return _record(authors, name, "/".join(arm), se, found) | own


def _record(
    authors: DatasetAuthors, name: str, title: str, se: float | None, found: Estimate | None = None
) -> dict[str, Any]:
    own = {"table": "dataset_authors", "metric": name, "split": authors.split, "row": title, "rule": ""}
    return own | fields_of(found) | {"binomial_se": plain(se)}
