"""What the makers of a data set published, and whether ours is measured their way."""

from __future__ import annotations

import os

import numpy as np
import pytest
from medmnist.evaluator import getACC, getAUC

from benchmark.common.csv_rows import write_rows
from benchmark.common.errors import InputError
from benchmark.evaluation.evaluate import METRICS_FILE, MetricRow
from benchmark.report.inputs import Inputs
from benchmark.report.render import FORMATS, to_markdown
from benchmark.report.tables import makers
from benchmark.runs.predictions import Predictions
from benchmark.scoring.metrics import measure
from benchmark.statistics.published.makers import MAKERS, read_makers
from tests.conftest import ROOT
from tests.made.runs import ARMS
from tests.report.test_report import GOLDEN


def test_accuracy_and_auc_are_those_of_the_medmnist_evaluator():
    generator = np.random.default_rng(0)
    grade = generator.integers(0, 5, 200)
    prob = generator.dirichlet(np.ones(5), 200).astype(np.float32)
    ids = np.array([str(i) for i in range(200)])
    found = measure("prob", Predictions(ids, ids, ids, grade, None, prob), prob.argmax(1))
    assert found["auc_grades"].value == pytest.approx(getAUC(grade, prob, "ordinal-regression"))
    assert found["accuracy"].value == pytest.approx(getACC(grade, prob, "ordinal-regression"))


def test_auc_over_grades_is_undefined_where_a_grade_is_absent():
    ids, grade = np.array(["a", "b", "c"]), np.array([0, 1, 2])
    prob = np.full((3, 5), 0.2, np.float32)
    found = measure("prob", Predictions(ids, ids, ids, grade, None, prob), prob.argmax(1))
    assert np.isnan(found["auc_grades"].value)


def test_a_set_whose_makers_published_nothing_has_no_table():
    assert read_makers("phantom", ROOT / MAKERS) is None


def test_published_results_stand_before_ours(change):
    published = read_makers("retinamnist", ROOT / MAKERS)
    inputs = change(arms=ARMS)
    lines = [
        MetricRow("basenet", "ce_small", seed, "test", "prob", "argmax", name, 0.5 + 0.1 * seed, 100)
        for seed in inputs.params.seeds
        for name in published.metrics
    ]
    write_rows(METRICS_FILE, MetricRow, lines)
    data = inputs.params.data.model_copy(update={"source": "retinamnist"})
    table = makers.make(Inputs(inputs.params.model_copy(update={"data": data})))
    text = to_markdown(table)
    assert "| ResNet-18 (28 px) | 0.717 | 0.524 |" in text
    assert "| basenet/ce_small (40 px) | 0.600 ± 0.100 | 0.600 ± 0.100 |" in text
    assert "mse_small" not in text
    for ending, render in FORMATS.items():
        path = GOLDEN / f"makers.{ending}"
        if os.environ.get("FUNDUSBENCH_GOLDEN") == "write":
            path.write_text(render(table), encoding="utf-8", newline="\n")
        assert render(table).encode() == path.read_bytes()


@pytest.mark.parametrize(
    ("was", "becomes", "words"),
    [
        ('values: ["0.717", "0.524"]', 'values: ["0.717"]', "a value per metric, but 'ResNet-18"),
        ("[auc_grades, accuracy]", "[auc_grades, luck]", "a metric must be one of kappa, .* 'luck'"),
        ("split: test", "split: exam", "retinamnist.split"),
    ],
)
def test_a_wrong_file_is_one_sentence(tmp_path, was, becomes, words):
    path = tmp_path / "makers.yaml"
    path.write_text((ROOT / MAKERS).read_text().replace(was, becomes))
    with pytest.raises(InputError, match=words):
        read_makers("retinamnist", path)
