"""Kappa on other data sets: its value, the interval of its change, and the predictions that are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from benchmark.common.csv_rows import write_rows
from benchmark.common.errors import InputError
from benchmark.common.files import write_json
from benchmark.runs.predictions import read_predictions, write_predictions
from benchmark.runs.transfers import SETS, OtherSet, inputs_path, predictions_path
from benchmark.scoring.decision_rules.registry import apply_rule
from benchmark.statistics.bootstrap import Graded, kappa_interval
from benchmark.statistics.graded_runs import GradedRuns, read_graded_runs
from benchmark.statistics.transfer import change, transfer_estimates
from tests.factories.grades import simulate
from tests.factories.runs import ARMS, make_params, make_predictions, make_result, make_run

ARM = ("basenet_mt", "mid")


def sklearn_kappa(arm: Graded) -> float:
    """Return the mean over runs."""
    kappas = [cohen_kappa_score(arm.grade, run, labels=range(5), weights="quadratic") for run in arm.predicted]
    return float(np.mean(kappas))


@pytest.fixture
def own():
    return simulate(150, np.random.default_rng(1), own=(0.2, 0.3, 0.25))


@pytest.fixture
def other():
    return simulate(90, np.random.default_rng(2), own=(0.9, 0.8, 1.0))


def test_the_change_equals_the_difference_of_the_mean_kappas(own, other):
    found = change(own, other)
    assert found.estimate == pytest.approx(sklearn_kappa(other) - sklearn_kappa(own))
    assert found.low < found.estimate < found.high
    assert found.n_patients == 90
    assert change(own, other) == found


def test_with_one_run_the_variances_of_the_two_sets_add_up(own, other):
    single = [Graded(arm.image_id, arm.patient, arm.grade, arm.predicted[:1]) for arm in (own, other)]
    apart = [kappa_interval(arm, n_resamples=20_000).se for arm in single]
    assert change(*single, n_resamples=20_000).se == pytest.approx(np.hypot(*apart), rel=0.03)


def test_runs_with_equal_losses_add_no_error(own):
    """A seed changes kappa on both sets together; if the loss is equal for all runs, seeds add no error."""
    copies = Graded(own.image_id, own.patient, own.grade, np.repeat(own.predicted[:1], 3, axis=0))
    single = Graded(own.image_id, own.patient, own.grade, own.predicted[:1])
    assert change(own, own).se == pytest.approx(change(copies, copies).se, rel=0.3)
    assert change(copies, copies).se == pytest.approx(change(single, single).se)


def test_the_interval_of_the_change_covers_the_truth():
    """Both sets are drawn in the same way, so the true change is 0, and 95 % intervals must cover it about as often."""
    rng = np.random.default_rng(3)
    pairs = [[simulate(60, rng, own=(0.3,)) for _ in range(2)] for _ in range(120)]
    found = [change(*pair, n_resamples=400) for pair in pairs]
    assert np.mean([one.low <= 0 <= one.high for one in found]) >= 0.9


@pytest.fixture
def transferred(tmp_path, monkeypatch):
    """Two runs and their predictions on a set of val photographs."""
    monkeypatch.chdir(tmp_path)
    params = make_params(seeds=(0, 1), arms={"basenet_mt": {"mid": ARMS["basenet_mt"]["mid"]}}, others=("other",))
    for seed in params.seeds:
        make_run(params, *ARM, seed)
        result = make_result(params, *ARM, seed)
        path = predictions_path("other", result)
        write_predictions(make_predictions("val", seed, 1.5), path)
        write_json(inputs_path(path), {"run": result.key})
    described = OtherSet(name="other", data="Other", synthetic=False, images=60, patients="30", shared=2)
    write_rows(SETS, OtherSet, [described])
    return params


def test_rows_give_kappa_on_the_other_set_and_its_change(transferred):
    rows = transfer_estimates(transferred, read_graded_runs(transferred))
    assert [(row.kind, row.head) for row in rows] == [
        (kind, head) for head in ("score", "prob") for kind in ("transfer", "transfer change")
    ]
    for there, lost in zip(rows[::2], rows[1::2], strict=True):
        kappas = {}
        for path in ("transfer/other/basenet_mt/mid/{}.csv", "runs/basenet_mt/mid/{}/test.csv"):
            each = [read_predictions(Path(path.format(seed))) for seed in (0, 1)]
            kappas[path] = np.mean(
                [
                    cohen_kappa_score(one.grade, apply_rule(there.rule, one), labels=range(5), weights="quadratic")
                    for one in each
                ]
            )
        other, own = kappas.values()
        assert (there.estimate, lost.estimate) == pytest.approx((other, other - own), abs=1e-6)
        assert (there.n_images, there.n_patients, there.n_shared) == (60, "30", 2)
        assert (there.about, there.data, there.seeds, there.resampled) == (
            "other",
            "Other",
            "0 1",
            "seeds and patients",
        )


@pytest.mark.parametrize("fault", ["missing", "stale", "set"])
def test_missing_predictions_or_those_of_another_training_are_refused(transferred, fault):
    mark = inputs_path(predictions_path("other", make_result(transferred, *ARM, 1)))
    if fault == "missing":
        mark.unlink()
    elif fault == "stale":
        write_json(mark, {"run": "another"})
    else:
        write_rows(SETS, OtherSet, [])
    words = {
        "missing": "seed 1 do not exist",
        "stale": "stem from another training",
        "set": "transfer.other are missing",
    }
    with pytest.raises(InputError, match=f"{words[fault]}.*dvc repro"):
        transfer_estimates(transferred, read_graded_runs(transferred))


def test_without_declared_sets_there_are_no_rows(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert transfer_estimates(make_params(), GradedRuns({}, {})) == []
