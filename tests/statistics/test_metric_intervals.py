"""Intervals of every metric: those of a plain bootstrap over patients, and laid out for all arms."""

from __future__ import annotations

import numpy as np
import pytest

from benchmark.common.csv_rows import read_rows
from benchmark.runs.predictions import Predictions
from benchmark.scoring.decoders.registry import DEFAULT, decode
from benchmark.scoring.metrics import METRICS, measure
from benchmark.statistics import metric_intervals
from benchmark.statistics.bootstrap import graded, kappa_interval
from benchmark.statistics.decoded import read_decoded
from benchmark.statistics.metric_intervals import BOUNDS, METRIC_INTERVALS, MetricInterval, metric_confidence
from tests.made.runs import make_all, make_params, make_predictions

HEADS = tuple(DEFAULT)


def some(images: int, rng: np.random.Generator) -> Predictions:
    """Two images a patient."""
    grade = rng.choice(5, images, p=(0.4, 0.15, 0.2, 0.13, 0.12))
    prob = np.exp(-((np.arange(5) - (grade + rng.normal(size=images))[:, None]) ** 2))
    return Predictions(
        image_id=np.arange(images).astype(str),
        patient=(np.arange(images) // 2).astype(str),
        eye=np.full(images, "left"),
        grade=grade,
        score=(grade + rng.normal(size=images)).astype(np.float32),
        prob=(prob / prob.sum(1, keepdims=True)).astype(np.float32),
    )


def take(predictions: Predictions, rows: np.ndarray) -> Predictions:
    return Predictions(*(getattr(predictions, name)[rows] for name in Predictions.__dataclass_fields__))


@pytest.mark.parametrize("head", HEADS)
def test_each_interval_is_that_of_patients_drawn_one_by_one(head) -> None:
    predictions, rng = some(400, np.random.default_rng(0)), np.random.default_rng(1)
    predicted = decode(DEFAULT[head], predictions)
    found = metric_confidence(graded([predictions], [predicted]), head, [predictions], replicates=4000)
    drawn: dict[str, list[float]] = {name: [] for name in found}
    for _ in range(300):
        rows = (2 * rng.integers(0, 200, 200)[:, None] + [0, 1]).ravel()
        for name, one in measure(head, take(predictions, rows), predicted[rows]).items():
            drawn[name].append(one.value)
    whole = measure(head, predictions, predicted)
    assert list(found) == list(whole) == [name for name, metric in METRICS.items() if metric.head in (None, head)]
    for name, one in found.items():
        interval = one.interval()
        assert interval.value == pytest.approx(whole[name].value)
        assert interval.error == pytest.approx(np.std(drawn[name], ddof=1), rel=0.25), name
        assert interval.low < interval.value < interval.high
        middle = interval.value if name == "ece" else np.mean(drawn[name])
        assert (interval.low + interval.high) / 2 == pytest.approx(middle, abs=0.5 * interval.error), name


def test_kappa_is_that_of_the_intervals_of_arms() -> None:
    runs = [some(100, np.random.default_rng(0)) for _ in range(2)]
    arm = graded(runs, [decode("nearest", one) for one in runs])
    ours = metric_confidence(arm, "score", runs, replicates=500, output_replicates=20)["kappa"].interval(bounds=(-1, 1))
    theirs = kappa_interval(arm, replicates=500)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high))


def test_every_metric_of_every_arm_has_a_row(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(metric_intervals, "REPLICATES", 100)
    monkeypatch.setattr(metric_intervals, "OUTPUT_REPLICATES", 50)
    params = make_params(arms={"basenet_mt": {"mid": {"objective": "ce_mse", "size": "mid"}}})
    make_all(params)
    metric_intervals.run(read_decoded(params))
    rows = read_rows(METRIC_INTERVALS, MetricInterval, "-")
    places = {(row.split, row.head, row.metric) for row in rows}
    assert (
        len(rows)
        == len(places)
        == 2 * sum(metric.head in (None, head) for head in HEADS for metric in METRICS.values())
    )
    for row in rows:
        low, high = BOUNDS.get(row.metric, (0, 1))
        assert np.isnan(row.low) or low <= row.low < row.high <= high
        assert (row.seeds, row.over, row.patients) == (
            "0 1 2",
            "seeds and patients",
            {"val": "30", "test": "50"}[row.split],
        )
        assert row.replicates == (50 if METRICS[row.metric].head or row.metric == "referable_auc" else 100)


def test_only_what_imaginary_patients_take_part_in_has_room_where_all_is_right() -> None:
    perfect = make_predictions("test", 0, 0.0)
    arm = graded([perfect], [perfect.grade])
    found = metric_confidence(arm, "score", [perfect], replicates=50, output_replicates=50)
    area, accuracy = found["referable_auc"].interval(), found["accuracy"].interval()
    assert (area.low, area.high) == (1, 1)
    assert accuracy.low < accuracy.high
