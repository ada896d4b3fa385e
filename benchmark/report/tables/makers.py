"""Our arms beside what the makers of the data set published for it, where they did."""

from __future__ import annotations

from typing import Any

from benchmark.report.captions import data_sentence, seeds_sentence
from benchmark.report.csv_fields import plain
from benchmark.report.inputs import Inputs
from benchmark.report.notes import Notes, run_texts
from benchmark.report.results import Results
from benchmark.report.table import Number, Row, Table
from benchmark.report.tables.metrics import Measured, by_place, metric_cell, outputs
from benchmark.scoring.decoders.registry import DEFAULT
from benchmark.scoring.metrics import METRICS
from benchmark.settings.params import Params
from benchmark.statistics.published.makers import Makers, Result


def make(inputs: Inputs) -> Table | None:
    """The makers' baselines, then every arm of ours with the head that is measured their way; None without such."""
    makers, params, results = inputs.makers, inputs.params, inputs.results
    if makers is None:
        return None
    measured, notes = by_place(inputs.metrics), Notes()
    rows = [Row("published", one.method, tuple(Number(v, float(v)) for v in one.values)) for one in makers.results]
    arms = [arm for arm, head in outputs(params) if head == makers.head]
    for arm in arms:
        marks = notes.number(*run_texts(params, results, arm, makers.head))
        cells = (metric_cell(measured, arm, makers.split, makers.head, name, marks) for name in makers.metrics)
        rows.append(Row("ours", f"{'/'.join(arm)} ({_pixels(params, arm)} px)", tuple(cells), (arm,)))
    return Table(
        name="makers",
        title=f"Beside the makers' own results: {makers.title}",
        caption=(
            f"{makers.title}'s published baselines ({makers.where}; they give no spread) and our arms on the same "
            f"{makers.split} split, measured the same way: accuracy of the most probable grade, and the area under "
            f"the ROC curve of each grade against the rest, averaged over the grades. {data_sentence(results)} "
            f"{seeds_sentence(params)} Ours are other networks with another training; no claim of the paper is judged."
        ),
        columns=("method", *(METRICS[name].title for name in makers.metrics)),
        rows=tuple(rows),
        notes=tuple(notes.texts),
        records=(
            *(_published(makers, one, place) for one in makers.results for place in range(len(makers.metrics))),
            *(_ours(makers, arm, name, measured, results) for arm in arms for name in makers.metrics),
        ),
    )


def _pixels(params: Params, arm: tuple[str, str]) -> int:
    return params.sizes.of(params.arm(*arm).size)


def _published(makers: Makers, result: Result, place: int) -> dict[str, Any]:
    return _record(makers, makers.metrics[place]) | {"method": result.method, "mean": result.values[place]}


def _ours(makers: Makers, arm: tuple[str, str], name: str, measured: Measured, results: Results) -> dict[str, Any]:
    values = measured.get((arm, makers.split, makers.head, name))
    mean, sd = (values.mean, values.sd) if values else (None, None)
    return _record(makers, name) | {
        "method": "/".join(arm),
        "stage": arm[0],
        "arm": arm[1],
        "decoder": DEFAULT[makers.head],
        "mean": plain(mean),
        "sd": plain(sd),
        "seeds": " ".join(map(str, values.seeds)) if values else "",
        "n": values.n if values else "",
        "data": results.data,
    }


def _record(makers: Makers, name: str) -> dict[str, Any]:
    empty = ("method", "stage", "arm", "decoder", "mean", "sd", "seeds", "n", "data")
    return {"table": "makers", "metric": name, "split": makers.split, **dict.fromkeys(empty, "")}
