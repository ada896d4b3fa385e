"""Our arms beside what the makers of the data set published for it, where they did."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import sqrt
from typing import Any

from benchmark.common.terms import Arm
from benchmark.report.captions import data_sentence, seeds_sentence
from benchmark.report.csv_fields import plain
from benchmark.report.inputs import Inputs
from benchmark.report.notes import Notes, run_texts
from benchmark.report.results import Results
from benchmark.report.table import Number, Row, Table
from benchmark.report.tables.metrics import Measured, Values, by_place, metric_cell, outputs
from benchmark.report.tables.registry import TableInfo
from benchmark.scoring.decoders.registry import DEFAULT
from benchmark.scoring.metrics import METRICS
from benchmark.settings.params import Params
from benchmark.statistics.published.makers import Makers, Result

ABOUT = TableInfo(order=8)

SHARES = ("accuracy",)
"""Metrics that are a share of the images, each right or wrong."""


def make(inputs: Inputs) -> Table | None:
    """The makers' baselines, then every arm of ours with the head that is measured their way; None without such."""
    makers, params, results = inputs.makers, inputs.params, inputs.results
    if makers is None:
        return None
    measured, notes = by_place(inputs.metrics, results), Notes()
    rows = [Row("published", one.method, tuple(_printed(makers, one))) for one in makers.results]
    arms = [arm for arm, head in outputs(params) if head == makers.head]
    for arm in arms:
        marks = notes.number(*run_texts(params, results, arm, makers.head))
        cells = (_own(makers, arm, name, measured, marks) for name in makers.metrics)
        rows.append(Row("ours", f"{'/'.join(arm)} ({_pixels(params, arm)} px)", tuple(cells), (arm,)))
    return Table(
        name="makers",
        title=f"Beside the makers' own results: {makers.title}",
        caption=(
            f"{makers.title}'s published baselines ({makers.where}; {makers.n or 'an unknown number of'} images, no "
            f"spread) and our arms on the same {makers.split} split, measured the same way: accuracy of the most "
            "probable grade, and the area under the ROC curve of each grade against the rest, averaged over the "
            f"grades. {data_sentence(results)} {seeds_sentence(params)} images ±: the binomial standard error of a "
            "share of that many images, which is what another draw of test images would change; an AUC is no share of "
            "images and has none. Ours are other networks with another training; no claim of the paper is judged."
        ),
        columns=("method", *(METRICS[name].title for name in makers.metrics)),
        rows=tuple(rows),
        notes=tuple(notes.texts),
        records=(
            *(_published(makers, one, place) for one in makers.results for place in range(len(makers.metrics))),
            *(_ours(makers, arm, name, measured, results) for arm in arms for name in makers.metrics),
        ),
    )


def _printed(makers: Makers, result: Result) -> Iterator[Number]:
    """The makers' values as printed."""
    for name, value in zip(makers.metrics, result.values, strict=True):
        yield Number(value, float(value), interval=_in_words(binomial_error(name, float(value), makers.n)))


def _own(makers: Makers, arm: Arm, name: str, measured: Measured, marks: tuple[int, ...]) -> Number:
    """Ours of one metric."""
    cell, values = (
        metric_cell(measured, arm, makers.split, makers.head, name, marks),
        _values(makers, arm, name, measured),
    )
    error = _in_words(binomial_error(name, cell.value, values.n if values else None))
    return replace(cell, interval=" ".join(filter(None, (cell.interval, error))))


def binomial_error(metric: str, share: float | None, n: int | None) -> float | None:
    """Standard error of a share of n images; None of a metric that is no such share, and where one is not known."""
    if metric not in SHARES or share is None or not n:
        return None
    return sqrt(share * (1 - share) / n)


def _in_words(error: float | None) -> str:
    return "" if error is None else f"(images ± {error:.3f})"


def _values(makers: Makers, arm: Arm, name: str, measured: Measured) -> Values | None:
    return measured.get((arm, makers.split, makers.head, name))


def _pixels(params: Params, arm: Arm) -> int:
    return params.sizes.of(params.arm(*arm).size)


def _published(makers: Makers, result: Result, place: int) -> dict[str, Any]:
    name, value = makers.metrics[place], result.values[place]
    error = plain(binomial_error(name, float(value), makers.n))
    return _record(makers, name) | {
        "method": result.method,
        "mean": value,
        "binomial_error": error,
        "n": makers.n or "",
    }


def _ours(makers: Makers, arm: Arm, name: str, measured: Measured, results: Results) -> dict[str, Any]:
    values = _values(makers, arm, name, measured)
    mean, sd = (values.mean, values.sd) if values else (None, None)
    return _record(makers, name) | {
        "method": "/".join(arm),
        "stage": arm[0],
        "arm": arm[1],
        "decoder": DEFAULT[makers.head],
        "mean": plain(mean),
        "sd": plain(sd),
        "binomial_error": plain(binomial_error(name, mean, values.n if values else None)),
        "seeds": " ".join(map(str, values.seeds)) if values else "",
        "n": values.n if values else "",
        "data": results.data,
    }


def _record(makers: Makers, name: str) -> dict[str, Any]:
    empty = ("method", "stage", "arm", "decoder", "mean", "sd", "binomial_error", "seeds", "n", "data")
    return {"table": "makers", "metric": name, "split": makers.split, **dict.fromkeys(empty, "")}
