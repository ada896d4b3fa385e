"""More than kappa: every metric of every arm and head, on both splits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from statistics import fmean, stdev
from typing import Any, cast

from benchmark.common.terms import EVALUATED, Arm, Head, Split
from benchmark.common.units import with_sd
from benchmark.evaluation.evaluate import MetricRow
from benchmark.report.captions import HEADS, caption
from benchmark.report.csv_fields import data_fields, interval_fields, plain
from benchmark.report.inputs import Inputs
from benchmark.report.notes import Notes, run_texts
from benchmark.report.results import Results
from benchmark.report.table import Number, Row, Table, ends_of
from benchmark.report.tables.registry import TableInfo
from benchmark.scoring.decoders.registry import DEFAULT
from benchmark.scoring.metrics import BINS, METRICS, REFERABLE, Family
from benchmark.settings.params import Params
from benchmark.statistics.metric_intervals import OUTPUT_REPLICATES, MetricInterval
from models.losses.registry import LOSSES

ABOUT = TableInfo(order=7)

FAMILIES: dict[Family, str] = {
    "agreement": "agreement and error",
    "grades": "share found of each grade's images",
    "outputs": "referable DR, and the probabilities",
}
"""Title of each family of metrics; a group of the table shows one family on one split."""


@dataclass(frozen=True, slots=True)
class Values:
    """A metric of one arm and head on one split, one value per seed; NaN where it is not defined."""

    seeds: tuple[int, ...]
    values: tuple[float, ...]
    n: int
    interval: MetricInterval | None = None
    """Of the mean, over seeds and patients."""

    @property
    def mean(self) -> float | None:
        """None where a seed has no value."""
        return None if any(map(isnan, self.values)) else fmean(self.values)

    @property
    def sd(self) -> float | None:
        """Sample standard deviation; None for one seed, and where there is no mean."""
        return stdev(self.values) if self.mean is not None and len(self.values) > 1 else None


Measured = Mapping[tuple[Arm, Split, Head, str], Values]
"""By arm, split, head and metric."""


def make(inputs: Inputs) -> Table:
    """Mean and spread over seeds of each metric, a line per arm and head."""
    params, results = inputs.params, inputs.results
    measured, notes = by_place(inputs.metrics, results), Notes()
    rows: list[Row] = []
    titles: dict[str, tuple[str, ...]] = {}
    for split in EVALUATED:
        for family, about in FAMILIES.items():
            group = f"{split}: {about} (n = {results.images(split)})"
            names = [name for name, metric in METRICS.items() if metric.family == family]
            titles[group] = ("arm", *(_title(name, split, measured, results) for name in names))
            for arm, head in outputs(params):
                marks = notes.number(*run_texts(params, results, arm, head))
                cells = tuple(metric_cell(measured, arm, split, head, name, marks) for name in names)
                rows.append(Row(group, f"{'/'.join(arm)}: {HEADS[head]}", cells))
    return Table(
        name="metrics",
        title="More than kappa",
        caption=caption(_meaning(), params, results),
        columns=next(iter(titles.values())),
        rows=tuple(rows),
        notes=tuple(notes.texts),
        records=tuple(_record(*place, measured, results) for place in _places(params)),
        titles=titles,
    )


def _meaning() -> str:
    """What the columns are."""
    lower = ", ".join(metric.title for metric in METRICS.values() if metric.better == "lower")
    return (
        "Metrics of each arm and output. Kappa: quadratic weighted; macro F1: over the grades that occur; MAE: mean "
        "distance from the label in grades; AMAE: that of each grade's images, averaged over the grades; off by one: "
        f"share graded exactly one too high or too low. Referable DR is grade {REFERABLE} or higher; its AUC is of the "
        "score or of the probability of those grades; AUC of grades: that of each grade against the rest, averaged. "
        "RPS: ranked probability score, 0 to 4; ECE: expected "
        f"calibration error over {BINS} bins; intervals of areas, RPS and ECE: {OUTPUT_REPLICATES:,} replicates. "
        f"{lower}: the lower the better; the others: the higher. A number in "
        "parentheses counts the images that a column speaks of, where those are not all. Undefined: a run lacks the "
        "value, for the images cannot show it (no image of that grade or side)."
    )


def by_place(lines: Sequence[MetricRow], results: Results) -> Measured:
    """Values over seeds of what was decoded by the default rules, and the intervals of their means."""
    places: dict[tuple[Arm, Split, Head, str], list[MetricRow]] = {}
    for line in lines:
        if line.decoder == DEFAULT[line.head]:
            places.setdefault((Arm(line.stage, line.arm), line.split, line.head, line.metric), []).append(line)
    return {
        (arm, split, head, metric): Values(
            seeds=tuple(one.seed for one in found),
            values=tuple(one.value for one in found),
            n=found[0].n,
            interval=results.metrics.get((*arm, head, split, metric)),
        )
        for (arm, split, head, metric), found in places.items()
    }


def outputs(params: Params) -> Iterator[tuple[Arm, Head]]:
    """Every declared arm with each of its heads."""
    for stage, arms in params.arms.items():
        for name, arm in arms.items():
            for head in LOSSES[arm.objective].heads:
                yield Arm(stage, name), cast("Head", head)


def _places(params: Params) -> Iterator[tuple[Arm, Split, Head, str]]:
    for arm, head in outputs(params):
        for split in EVALUATED:
            for name, metric in METRICS.items():
                if metric.head in (None, head):
                    yield arm, split, head, name


def _title(name: str, split: Split, measured: Measured, results: Results) -> str:
    """Title of a metric's column, and its images where those are not all of the split."""
    n = next((values.n for (_, where, _, metric), values in measured.items() if (where, metric) == (split, name)), None)
    title = METRICS[name].title
    return title if n in (None, results.images(split)) else f"{title} ({n})"


def metric_cell(measured: Measured, arm: Arm, split: Split, head: Head, name: str, notes: tuple[int, ...]) -> Number:
    """A metric's mean and spread, or why there is none."""
    if METRICS[name].head not in (None, head):
        return Number("-")
    values = measured.get((arm, split, head, name))
    if values is None or values.mean is None:
        return Number("undefined" if values else "not run", None, notes)
    ends = values.interval
    interval = "" if ends is None or isnan(ends.low) else f"[{ends.low:.3f}, {ends.high:.3f}]"
    return Number(with_sd(values.mean, values.sd), values.mean, notes, interval, ends_of(ends), arm)


def _record(arm: Arm, split: Split, head: Head, name: str, measured: Measured, results: Results) -> dict[str, Any]:
    """A metric as the csv holds it."""
    values, kappas = measured.get((arm, split, head, name)), results.measured(*arm, head, split)
    mean, sd = (values.mean, values.sd) if values else (None, None)
    return {
        "table": "metrics",
        "stage": arm[0],
        "arm": arm[1],
        "split": split,
        "head": head,
        "decoder": DEFAULT[head],
        "metric": name,
        "better": METRICS[name].better,
        "mean": plain(mean),
        "sd": plain(sd),
        **interval_fields(values.interval if values else None),
        "seeds": " ".join(map(str, values.seeds)) if values else "",
        "n": values.n if values else "",
        "status": ("undefined" if mean is None else "measured") if values else "not run",
        **data_fields(results, values),
        "runs": kappas.runs if kappas else "",
    }
