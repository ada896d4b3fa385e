"""Intervals of every metric: equal to a plain bootstrap over patients, and present for all arms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtr

from benchmark.common.csv_rows import read_rows
from benchmark.common.errors import InputError
from benchmark.evaluation import evaluate
from benchmark.evaluation.evaluate import MetricRow
from benchmark.runs.predictions import Predictions
from benchmark.scoring.decision_rules.registry import DEFAULT, apply_rule
from benchmark.scoring.metrics import METRICS, measure, of_outputs
from benchmark.statistics import metrics
from benchmark.statistics.bootstrap import graded, kappa_interval
from benchmark.statistics.estimates import select
from benchmark.statistics.graded_runs import read_graded_runs
from benchmark.statistics.metrics import BOUNDS, metric_intervals
from tests.factories.runs import make_all, make_params, make_predictions

HEADS = tuple(DEFAULT)


def some(images: int, rng: np.random.Generator) -> Predictions:
    """Return an arm with two images per patient."""
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
def test_each_interval_equals_that_of_patients_drawn_one_by_one(head) -> None:
    predictions, rng = some(400, np.random.default_rng(0)), np.random.default_rng(1)
    predicted = apply_rule(DEFAULT[head], predictions)
    found = metric_intervals(graded([predictions], [predicted]), head, [predictions], n_resamples=4000)
    drawn: dict[str, list[float]] = {name: [] for name in found}
    for _ in range(300):
        rows = (2 * rng.integers(0, 200, 200)[:, None] + [0, 1]).ravel()
        for name, one in measure(head, take(predictions, rows), predicted[rows]).items():
            drawn[name].append(one.value)
    whole = measure(head, predictions, predicted)
    assert list(found) == list(whole) == [name for name, metric in METRICS.items() if metric.head in (None, head)]
    for name, interval in found.items():
        assert interval.estimate == pytest.approx(whole[name].value)
        assert interval.se == pytest.approx(np.std(drawn[name], ddof=1), rel=0.25), name
        assert interval.low < interval.estimate < interval.high
        if name != "ece":
            middle = (interval.low + interval.high) / 2
            assert middle == pytest.approx(np.mean(drawn[name]), abs=0.5 * interval.se), name


@pytest.mark.parametrize(
    ("confidence", "sharpness", "runs"),
    [(1.0, 1.0, 1), (1.0, 2.5, 2), (1.5, 1.0, 1), (3.0, 1.0, 1)],
)
def test_the_interval_of_the_calibration_error_covers_the_true_one(
    confidence: float, sharpness: float, runs: int
) -> None:
    """A confidence of 1 is calibrated, with a true error of 0; a patient's two eyes are alike."""
    rng, patients, trials = np.random.default_rng(0), 60, 50

    def drawn(patients: int, runs: int) -> list[Predictions]:
        eyes = 2 * patients
        shared, own = rng.normal(size=(2, patients, 5)).repeat(2, 1), rng.normal(size=(2, eyes, 5))
        logits = sharpness * (shared[0] + own[0]) / 2**0.5
        # Gumbel noise draws a label from the softmax of the logits.
        grade = (logits - np.log(-np.log(ndtr((shared[1] + own[1]) / 2**0.5)))).argmax(1)
        names = np.arange(eyes)
        found = []
        for _ in range(runs):
            prob = np.exp(confidence * logits + rng.normal(0, 0.2 * (runs > 1), (eyes, 1)) * logits)
            prob = (prob / prob.sum(1, keepdims=True)).astype(np.float32)
            found.append(Predictions(names.astype(str), (names // 2).astype(str), names.astype(str), grade, None, prob))
        return found

    weights = np.ones((1, 60_000))
    everyone = drawn(30_000, runs)
    truth = np.mean([of_outputs("prob", one)(weights)["ece"][0] for one in everyone])
    covered = []
    for _ in range(trials):
        sample = drawn(patients, runs)
        arm = graded(sample, [apply_rule("argmax", one) for one in sample])
        found = metric_intervals(arm, "prob", sample, n_resamples=2, n_output_resamples=100)["ece"]
        covered.append(found.low <= truth <= found.high)
    assert np.mean(covered) > 0.95 - 2 * (0.05 * 0.95 / trials) ** 0.5


def test_kappa_has_the_interval_of_the_arm() -> None:
    runs = [some(100, np.random.default_rng(0)) for _ in range(2)]
    arm = graded(runs, [apply_rule("nearest", one) for one in runs])
    found = metric_intervals(arm, "score", runs, n_resamples=500, n_output_resamples=20)["kappa"]
    theirs = kappa_interval(arm, n_resamples=500)
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high))


def test_every_metric_of_every_arm_has_a_row(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(metrics, "N_RESAMPLES", 100)
    monkeypatch.setattr(metrics, "N_OUTPUT_RESAMPLES", 50)
    params = make_params(arms={"basenet_mt": {"mid": {"loss": "ce_mse", "size": "mid"}}})
    make_all(params)
    evaluate.run(params)
    rows = metrics.metric_estimates(read_graded_runs(params))
    places = {(row.split, row.head, row.quantity) for row in rows}
    assert (
        len(rows)
        == len(places)
        == 2 * sum(metric.head in (None, head) for head in HEADS for metric in METRICS.values())
    )
    values = {(row.split, row.head, row.metric): row.n for row in read_rows(evaluate.METRICS_FILE, MetricRow, "-")}
    for row in rows:
        low, high = BOUNDS.get(row.quantity, (0, 1))
        assert np.isnan(row.low) or low <= row.low < row.high <= high
        assert row.n_images == values[row.split, row.head, row.quantity]
        assert (row.seeds, row.resampled, row.n_patients) == (
            "0 1 2",
            "seeds and patients",
            {"val": "30", "test": "50"}[row.split],
        )
        of_outputs = METRICS[row.quantity].head or row.quantity == "referable_auc"
        assert row.n_resamples == (50 if of_outputs else 100)
    kappas = {(row.split, row.head): row for row in select(rows, quantity="kappa")}
    runs = read_graded_runs(params)
    for (split, head), row in kappas.items():
        expected = kappa_interval(runs.grades[("basenet_mt", "mid"), head, split], n_resamples=100)
        assert (row.estimate, row.low, row.high) == pytest.approx(
            (expected.estimate, expected.low, expected.high), abs=1e-6
        )
        each = runs.grades[("basenet_mt", "mid"), head, split].kappas
        assert row.sd == pytest.approx(np.std(each, ddof=1), abs=1e-6)


def test_an_evaluation_of_other_runs_is_refused(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    arms = {"basenet_mt": {"mid": {"loss": "ce_mse", "size": "mid"}}}
    make_all(make_params(arms=arms))
    evaluate.run(make_params(arms=arms, seeds=(0, 1)))
    with pytest.raises(
        InputError, match=r"metrics\.csv must have the finished runs, but has others of .*fundusbench evaluate"
    ):
        metrics.metric_estimates(read_graded_runs(make_params(arms=arms)))


def test_only_metrics_with_pseudo_patients_have_a_width_without_errors() -> None:
    perfect = make_predictions("test", 0, 0.0)
    arm = graded([perfect], [perfect.grade])
    found = metric_intervals(arm, "score", [perfect], n_resamples=50, n_output_resamples=50)
    area, accuracy = found["referable_auc"], found["accuracy"]
    assert (area.low, area.high) == (1, 1)
    assert accuracy.low < accuracy.high
