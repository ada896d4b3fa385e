"""Kappa on other data sets: its value, the interval of its change, and which predictions are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from benchmark.common.csv_rows import write_rows
from benchmark.common.errors import InputError
from benchmark.common.files import write_json
from benchmark.runs.predictions import read_predictions, write_predictions
from benchmark.runs.transfers import SETS, OtherSet, mark_of, predictions_path
from benchmark.scoring.decoders.registry import decode
from benchmark.statistics.bootstrap import Graded, kappa_interval
from benchmark.statistics.confidence import COLLAPSED, ONE_RUN
from benchmark.statistics.decoded import Decoded, read_decoded
from benchmark.statistics.transfer import GENERALISATION, change, read_transfers, run
from tests.made.grades import simulate
from tests.made.runs import ARMS, make_params, make_predictions, make_result, make_run

ARM = ("basenet_mt", "mid")


def sklearn_kappa(arm: Graded) -> float:
    """Mean over runs."""
    kappas = [cohen_kappa_score(arm.grade, run, labels=range(5), weights="quadratic") for run in arm.predicted]
    return float(np.mean(kappas))


@pytest.fixture
def own():
    return simulate(150, np.random.default_rng(1), own=(0.2, 0.3, 0.25))


@pytest.fixture
def other():
    return simulate(90, np.random.default_rng(2), own=(0.9, 0.8, 1.0))


def test_the_change_is_the_difference_of_the_mean_kappas(own, other):
    found = change(own, other)
    assert found.value == pytest.approx(sklearn_kappa(other) - sklearn_kappa(own))
    assert found.low < found.value < found.high
    assert found.clusters == 90
    assert change(own, other) == found


def test_with_one_run_the_variances_of_the_two_sets_add_up(own, other):
    single = [Graded(arm.image_id, arm.patient, arm.grade, arm.predicted[:1]) for arm in (own, other)]
    apart = [kappa_interval(arm, replicates=20_000).error for arm in single]
    assert change(*single, replicates=20_000).error == pytest.approx(np.hypot(*apart), rel=0.03)


def test_what_is_no_evidence_on_either_set_is_none_of_the_change(own, other):
    assert change(own, other).no_evidence == ""
    single = [Graded(arm.image_id, arm.patient, arm.grade, arm.predicted[:1]) for arm in (own, other)]
    assert change(*single).no_evidence == ONE_RUN
    collapsed = [Graded(arm.image_id, arm.patient, arm.grade, 0 * arm.predicted) for arm in (own, other)]
    assert change(own, collapsed[1]).no_evidence == change(collapsed[0], other).no_evidence == COLLAPSED


def test_runs_that_lose_alike_leave_no_error_of_their_own(own):
    """A run's seed moves its kappas on both sets together: where the loss is one for all, seeds add nothing."""
    copies = Graded(own.image_id, own.patient, own.grade, np.repeat(own.predicted[:1], 3, axis=0))
    single = Graded(own.image_id, own.patient, own.grade, own.predicted[:1])
    assert change(own, own).error == pytest.approx(change(copies, copies).error, rel=0.3)
    assert change(copies, copies).error == pytest.approx(change(single, single).error)


def test_the_interval_of_the_change_covers_the_truth():
    """Both sets are drawn alike, so that the true change is 0: 95 % intervals must hold it about as often."""
    rng = np.random.default_rng(3)
    pairs = [[simulate(60, rng, own=(0.3,)) for _ in range(2)] for _ in range(120)]
    found = [change(*pair, replicates=400) for pair in pairs]
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
        write_json(mark_of(path), {"run": result.key})
    described = OtherSet(name="other", data="Other", synthetic=False, images=60, patients="30", shared=2)
    write_rows(SETS, OtherSet, [described])
    return params


def test_a_row_holds_the_kappas_on_both_sets(transferred):
    run(transferred, read_decoded(transferred))
    rows = read_transfers()
    assert [row.head for row in rows] == ["score", "prob"]
    for row in rows:
        for kappa, path in (
            (row.kappa, "transfer/other/basenet_mt/mid/{}.csv"),
            (row.own_kappa, "runs/basenet_mt/mid/{}/test.csv"),
        ):
            predictions = [read_predictions(Path(path.format(seed))) for seed in (0, 1)]
            assert kappa == pytest.approx(
                np.mean(
                    [
                        cohen_kappa_score(one.grade, decode(row.decoder, one), labels=range(5), weights="quadratic")
                        for one in predictions
                    ]
                ),
                abs=1e-6,
            )
        assert row.difference == pytest.approx(row.kappa - row.own_kappa, abs=2e-6)
        assert (row.images, row.patients, row.own_images, row.own_patients) == (60, "30", 100, "50")
        assert (row.data, row.own_data, row.shared, row.seeds, row.over) == (
            "Other",
            "phantom",
            2,
            "0 1",
            "seeds and patients",
        )


def test_the_same_predictions_give_the_same_bytes(transferred):
    run(transferred, read_decoded(transferred))
    first = GENERALISATION.read_bytes()
    run(transferred, read_decoded(transferred))
    assert GENERALISATION.read_bytes() == first


@pytest.mark.parametrize("fault", ["missing", "stale", "set"])
def test_predictions_that_are_missing_or_of_another_training_are_refused(transferred, fault):
    mark = mark_of(predictions_path("other", make_result(transferred, *ARM, 1)))
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
        run(transferred, read_decoded(transferred))


def test_with_nothing_declared_there_is_no_row(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run(make_params(), Decoded({}, {}))
    assert read_transfers() == []
