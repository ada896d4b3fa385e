"""Every arm under every rule: correct rows, and no thresholds tuned on the split that they are tested on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from benchmark.common.csv_rows import read_rows
from benchmark.common.errors import InputError
from benchmark.runs.predictions import Predictions, read_predictions, write_predictions
from benchmark.runs.run import RUNS
from benchmark.scoring.decision_rules.registry import DECISION_RULES, apply_rule, fit_on
from benchmark.statistics import decision_rules
from benchmark.statistics.baselines import TRIVIAL_BASELINES, fellow_grades, trivial_baselines
from benchmark.statistics.bootstrap import kappa_interval
from benchmark.statistics.comparison import compare
from benchmark.statistics.decision_rules import THRESHOLDS_FILE, ThresholdsRow, grade_run
from benchmark.statistics.estimates import ESTIMATES, Estimate, read_estimates, select, write_estimates
from benchmark.statistics.graded_runs import read_graded_runs
from tests.factories.runs import make_all, make_params, make_predictions, make_run, reseal

TWO = {
    "basenet": {"mse_small": {"loss": "mse", "size": "small"}},
    "basenet_mt": {"small": {"loss": "ce_mse", "size": "small"}},
}
SPLITS = ("val", "test")
TUNED = [rule for rule, entry in DECISION_RULES.items() if entry.thresholds == "tuned"]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(decision_rules, "N_RESAMPLES", 200)
    return tmp_path


def decoded(params) -> tuple[list[Estimate], list[Estimate], list[ThresholdsRow]]:
    """Return kappas by rule and of baselines, ranges over rules, and thresholds."""
    write_estimates(decision_rules.rule_estimates(read_graded_runs(params)))
    rows = read_estimates()
    ranges = select(rows, kind="rule range")
    thresholds = read_rows(THRESHOLDS_FILE, ThresholdsRow, "-")
    return [row for row in rows if row.kind != "rule range"], ranges, thresholds


def run_of(method: str, arm: str, seed: int) -> dict[str, Predictions]:
    return {split: read_predictions(RUNS / method / arm / str(seed) / f"{split}.csv") for split in SPLITS}


def kappa(predictions: Predictions, grades: np.ndarray) -> float:
    return float(cohen_kappa_score(predictions.grade, grades, labels=range(5), weights="quadratic"))


def test_each_arm_has_every_rule_of_its_heads_on_both_splits():
    params = make_params(arms=TWO)
    make_all(params)
    rows, _, _ = decoded(params)
    found = [(row.method, row.split, row.head, row.rule) for row in rows]
    scores = [rule for rule, entry in DECISION_RULES.items() if entry.head == "score"]
    assert len(found) == len(set(found))
    assert set(found) == {
        *(("basenet", split, "score", rule) for split in SPLITS for rule in scores),
        *(("basenet_mt", split, DECISION_RULES[rule].head, rule) for split in SPLITS for rule in DECISION_RULES),
        *(("", split, "", name) for split in SPLITS for name in TRIVIAL_BASELINES),
    }


def test_kappas_are_means_over_runs_that_were_tuned_on_their_own_val():
    params = make_params(arms=TWO)
    make_all(params)
    rows, _, _ = decoded(params)
    outputs = [run_of("basenet_mt", "small", seed) for seed in params.seeds]
    for row in rows:
        if row.method != "basenet_mt":
            continue
        tuned = row.rule in TUNED
        rules = [fit_on("val", row.rule, each["val"]) if tuned else None for each in outputs]
        kappas = [
            kappa(each[row.split], rule.apply(each[row.split]) if rule else apply_rule(row.rule, each[row.split]))
            for each, rule in zip(outputs, rules, strict=True)
        ]
        assert (row.estimate, row.sd) == pytest.approx((np.mean(kappas), np.std(kappas, ddof=1)), abs=1e-6)
        assert row.low < row.estimate < row.high
        assert (row.tuned_on, row.resampled, row.seeds) == ("val" if tuned else "", "seeds and patients", "0 1 2")
        assert (row.n_images, row.n_patients) == ((60, "30") if row.split == "val" else (100, "50"))


def test_default_rules_have_the_same_intervals_as_the_other_tables():
    params = make_params(arms=TWO)
    make_all(params)
    rows, _, _ = decoded(params)
    grades = read_graded_runs(params).grades
    row = next(row for row in rows if (row.method, row.rule, row.split) == ("basenet_mt", "argmax", "test"))
    expected = kappa_interval(grades[("basenet_mt", "small"), "prob", "test"], n_resamples=200)
    assert (row.estimate, row.low, row.high) == pytest.approx(
        (expected.estimate, expected.low, expected.high), abs=1e-6
    )


@pytest.mark.parametrize("split", ["test", "train"])
def test_the_step_refuses_to_tune_on_another_split_than_val(monkeypatch, split):
    params = make_params(seeds=[0], arms=TWO)
    make_all(params)
    outputs = run_of("basenet", "mse_small", 0)
    monkeypatch.setattr(decision_rules, "TUNED_ON", split)
    with pytest.raises(InputError, match=f"tuned on val or on holdout patients, but got '{split}'"):
        grade_run("tuned", outputs | {"train": outputs["val"]})
    if split == "test":
        with pytest.raises(InputError, match="tuned on val or on holdout patients"):
            decision_rules.rule_estimates(read_graded_runs(params))
    assert not ESTIMATES.exists()


@pytest.mark.parametrize("rule", TUNED)
@given(seed=st.integers(0, 20))
def test_labels_of_test_change_no_grade(rule, seed):
    outputs = {split: make_predictions(split, number, 0.8) for number, split in enumerate(SPLITS)}
    shuffled = replace(outputs["test"], grade=np.random.default_rng(seed).permutation(outputs["test"].grade))
    ours, thresholds = grade_run(rule, outputs)
    theirs, other_thresholds = grade_run(rule, outputs | {"test": shuffled})
    assert thresholds == other_thresholds
    assert all(np.array_equal(ours[split], theirs[split]) for split in SPLITS)


def test_tuned_thresholds_are_stored_for_every_run():
    params = make_params(arms=TWO)
    make_all(params)
    _, _, thresholds = decoded(params)
    assert [(row.method, row.seed, row.rule) for row in thresholds] == [
        *(("basenet", seed, "tuned") for seed in params.seeds),
        *(("basenet_mt", seed, rule) for rule in TUNED for seed in params.seeds),
    ]
    row = thresholds[1]
    fitted = fit_on("val", "tuned", run_of("basenet", "mse_small", 1)["val"])
    assert (row.threshold_1, row.threshold_2, row.threshold_3, row.threshold_4) == pytest.approx(
        fitted.thresholds, abs=1e-6
    )
    assert (row.tuned_on, row.n_images) == ("val", 60)


def test_the_range_is_between_the_highest_and_lowest_rule_not_tuned_on_the_split():
    params = make_params(arms=TWO)
    make_all(params)
    rows, spreads, _ = decoded(params)
    assert len(spreads) == 2 * 3
    for spread in spreads:
        place = (spread.method, spread.split, spread.head)
        kappas = {row.rule: row.estimate for row in rows if (row.method, row.split, row.head) == place}
        if spread.split == "val":
            kappas = {rule: value for rule, value in kappas.items() if rule not in TUNED}
        assert spread.about == f"{max(kappas, key=kappas.get)} - {min(kappas, key=kappas.get)}"
        assert spread.estimate == pytest.approx(max(kappas.values()) - min(kappas.values()), abs=2e-6)
        assert spread.low < spread.estimate < spread.high


def test_tuned_rules_are_skipped_if_val_has_one_grade():
    params = make_params(seeds=[0], arms={"basenet": TWO["basenet"]})
    folder = make_run(params, "basenet", "mse_small", 0)
    predictions = read_predictions(folder / "val.csv")
    write_predictions(replace(predictions, grade=predictions.grade * 0), folder / "val.csv")
    reseal(folder)
    rows, _, thresholds = decoded(params)
    assert {row.rule for row in rows} == {"nearest", "fixed", *TRIVIAL_BASELINES}
    assert thresholds == []


def test_statistics_without_a_run_are_refused():
    with pytest.raises(InputError, match="statistics need a finished run"):
        decision_rules.rule_estimates(read_graded_runs(make_params(arms=TWO)))


# Trivial baselines


def some(patient: list[str], eye: list[str], grade: list[int]) -> Predictions:
    names = np.arange(len(grade)).astype(str)
    return Predictions(names, np.array(patient), np.array(eye), np.array(grade, np.int64), None, None)


def test_the_fellow_eye_is_the_other_eye_of_the_patient():
    made = fellow_grades(some(["a", "b", "a", "b"], ["left", "right", "right", "left"], [0, 1, 2, 3]))
    assert made.image_id.tolist() == ["0", "1", "2", "3"]
    assert made.predicted.tolist() == [[2, 3, 0, 1]]


@pytest.mark.parametrize(
    ("patient", "eye"),
    [
        (["", ""], ["left", "right"]),
        (["a", "a"], ["left", "left"]),
        (["a", "a"], ["unknown", "unknown"]),
        (["a", "b"], ["left", "right"]),
        (["a", "a", "a"], ["left", "right", "right"]),
    ],
    ids=["unknown patients", "one eye twice", "unknown eyes", "two patients", "one eye of two twice"],
)
def test_an_image_without_exactly_one_fellow_is_left_out(patient, eye):
    predictions = some([*patient, "z", "z"], [*eye, "left", "right"], [0] * len(patient) + [1, 2])
    made = fellow_grades(predictions)
    assert (made.grade.tolist(), made.predicted.tolist()) == ([1, 2], [[2, 1]])


def test_the_fellow_eye_does_not_apply_without_known_patients():
    params = make_params(seeds=[0], arms={"basenet": TWO["basenet"]})
    make_run(params, "basenet", "mse_small", 0, patients=False)
    rows, _, _ = decoded(params)
    fellow = next(row for row in rows if row.rule == "fellow")
    assert fellow.n_images == 0
    assert np.isnan([fellow.estimate, fellow.low, fellow.high]).all()


def test_a_constant_grade_gets_0_and_random_grades_get_about_0():
    outputs = {split: make_predictions(split, 0, 0.8) for split in SPLITS}
    made = trivial_baselines(outputs, "test")
    assert set(made["majority"].predicted[0].tolist()) == {np.bincount(outputs["val"].grade).argmax()}
    assert kappa_interval(made["majority"], n_resamples=50).estimate == 0
    kappas = [kappa(outputs["test"], grades) for grades in made["prior"].predicted]
    assert abs(np.mean(kappas)) < 3 * np.std(kappas) / len(kappas) ** 0.5
    assert np.array_equal(trivial_baselines(outputs, "test")["prior"].predicted, made["prior"].predicted)


def test_a_range_has_the_paired_interval():
    params = make_params(arms={"basenet": TWO["basenet"]})
    make_all(params)
    _, (_, spread), _ = decoded(params)
    outputs = [run_of("basenet", "mse_small", seed) for seed in params.seeds]

    def grades(rule):
        each = [grade_run(rule, one)[0]["test"] for one in outputs]
        return decision_rules.graded([one["test"] for one in outputs], each)

    found = compare(*map(grades, spread.about.split(" - ")), n_resamples=200).difference
    assert (spread.low, spread.high) == pytest.approx((found.low, found.high), abs=1e-6)
