"""Tables of the outputs on test: calibration bins that sum to the ECE, counts of scores, and the worst errors."""

from __future__ import annotations

import numpy as np
import pytest

from benchmark.common.csv_rows import read_rows
from benchmark.evaluation import evaluate
from benchmark.evaluation.outputs import (
    SCORE_BIN_WIDTH,
    SCORE_MAX,
    SCORE_MIN,
    CalibrationRow,
    ScoreRow,
    WorstRow,
    best_arm,
)
from benchmark.runs.declared import find_runs
from benchmark.runs.predictions import read_predictions
from tests.factories.runs import ARMS, IMAGES, make_all, make_params

MADE = {
    "basenet": {"ce_small": ARMS["basenet"]["ce_small"], "mse_small": ARMS["basenet"]["mse_small"]},
    "basenet_mt": {"large": ARMS["basenet_mt"]["large"]},
}


@pytest.fixture(scope="module")
def params(tmp_path_factory):
    made = make_params(seeds=[0, 1], arms=MADE)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("outputs"))
        make_all(made)
        evaluate.run(made)
        yield made


def predictions(stage, arm, split="test"):
    return [read_predictions(evaluate.RUNS / stage / arm / str(seed) / f"{split}.csv") for seed in (0, 1)]


def test_bins_sum_to_the_expected_calibration_error(params):
    rows = read_rows(evaluate.CALIBRATION, CalibrationRow, "")
    metrics = read_rows(evaluate.METRICS_FILE, evaluate.MetricRow, "")
    assert {(row.method, row.arm, row.seed) for row in rows} == {
        (stage, arm, seed) for stage, arm in (("basenet", "ce_small"), ("basenet_mt", "large")) for seed in (0, 1)
    }
    for line in metrics:
        if (line.metric, line.split) == ("ece", "test"):
            own = [row for row in rows if (row.method, row.arm, row.seed) == (line.method, line.arm, line.seed)]
            assert sum(row.images for row in own) == IMAGES["test"]
            gaps = [row.images * abs(row.confidence - row.accuracy) for row in own]
            assert sum(gaps) / IMAGES["test"] == pytest.approx(line.value, abs=1e-4)


def test_each_score_is_counted_once_under_its_label(params):
    rows = read_rows(evaluate.SCORES, ScoreRow, "")
    for stage, arm in (("basenet", "mse_small"), ("basenet_mt", "large")):
        own = [row for row in rows if (row.method, row.arm) == (stage, arm)]
        assert sum(row.images for row in own) == 2 * IMAGES["test"]
        assert all(SCORE_MIN <= row.low <= SCORE_MAX - SCORE_BIN_WIDTH + 1e-9 for row in own)
        found = predictions(stage, arm)
        for grade in range(5):
            scores = np.concatenate([one.score[one.grade == grade] for one in found])
            low = sum(row.images for row in own if row.grade == grade and row.low < 2 - 1e-9)
            assert low == (scores.astype(float) < 2).sum()
    assert not any(row.arm == "ce_small" for row in rows)


def test_the_worst_errors_of_the_best_arm_on_val_are_sorted(params):
    rows = read_rows(evaluate.WORST_ERRORS, WorstRow, "")
    assert {(row.method, row.arm, row.head, row.seeds) for row in rows} == {("basenet_mt", "large", "score", "0 1")}
    found = predictions("basenet_mt", "large")
    far = np.mean([np.abs(one.score.astype(float) - one.grade) for one in found], axis=0)
    assert [row.image_id for row in rows] == [
        found[0].image_id[place] for place in np.argsort(-far, kind="stable")[:20]
    ]
    for row in rows:
        place = list(found[0].image_id).index(row.image_id)
        values = [float(one.score[place]) for one in found]
        assert (row.grade, row.output) == (found[0].grade[place], pytest.approx(np.mean(values), abs=1e-6))
        assert row.sd == pytest.approx(np.std(values, ddof=1), abs=1e-6)
        assert row.prob_3 == pytest.approx(np.mean([one.prob[place, 3] for one in found]), abs=1e-6)


def test_the_best_arm_is_chosen_on_val_alone(params):
    read = {}
    for run in find_runs(params):
        for split in ("val", "test"):
            made = read_predictions(run.folder() / f"{split}.csv")
            read.setdefault(((run.method, run.arm), split), []).append((run, made))
    assert best_arm(read) == ("basenet_mt", "large")
    for one in ("basenet", "mse_small"), ("basenet_mt", "large"):
        for _, made in read[one, "test"]:
            made.score[:] = made.grade if one[0] == "basenet" else 0
    assert best_arm(read) == ("basenet_mt", "large")
