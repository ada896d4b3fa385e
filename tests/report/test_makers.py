"""What the makers of a data set published, and whether ours is measured their way."""

from __future__ import annotations

import os
import re

import numpy as np
import pytest
from medmnist.evaluator import getACC, getAUC

from benchmark.common.errors import InputError
from benchmark.evaluation.evaluate import MetricRow
from benchmark.report.inputs import Inputs
from benchmark.report.render import FORMATS, to_markdown
from benchmark.report.tables import makers
from benchmark.report.tables.makers import binomial_error
from benchmark.runs.predictions import Predictions
from benchmark.scoring.metrics import measure
from benchmark.statistics.published.makers import MAKERS, read_makers
from tests.conftest import ROOT
from tests.made.runs import ARMS, records
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


def test_where_n_is_not_known_there_is_no_binomial_error(tmp_path):
    path = tmp_path / "makers.yaml"
    path.write_text((ROOT / MAKERS).read_text().replace("  n: 400\n", ""))
    assert read_makers("retinamnist", path).n is None
    assert binomial_error("accuracy", 0.5, None) is binomial_error("auc_grades", 0.5, 400) is None


def test_the_binomial_error_is_how_a_share_scatters_over_draws_of_images():
    drawn = np.random.default_rng(0).binomial(400, 0.524, 20_000) / 400
    assert binomial_error("accuracy", 0.524, 400) == pytest.approx(drawn.std(), rel=0.03)


@pytest.mark.slow
def test_published_results_stand_before_ours(change):
    published = read_makers("retinamnist", ROOT / MAKERS)
    inputs = change(arms=ARMS)
    lines = [
        MetricRow("basenet", "ce_small", seed, "test", "prob", "argmax", name, 0.5 + 0.1 * seed, 100)
        for seed in inputs.params.seeds
        for name in published.metrics
    ]
    data = inputs.params.data.model_copy(update={"source": "retinamnist"})
    inputs = Inputs(inputs.params.model_copy(update={"data": data}))
    vars(inputs)["metrics"] = lines
    table = makers.make(inputs)
    text = to_markdown(table)
    # The binomial error of 400 images beside theirs, and of 100 beside ours with its spread over seeds.
    assert "| ResNet-18 (28 px) | 0.717 | 0.524 (images ± 0.025) |" in text
    (ours,) = [line for line in text.splitlines() if line.startswith("| basenet/ce_small (40 px) |")]
    assert re.fullmatch(r".*0\.600 ± 0\.100( \[.*\])? \| 0\.600 ± 0\.100( \[.*\])? \(images ± 0\.049\) \|", ours)
    errors = {(r["method"], r["metric"]): r["binomial_error"] for r in records(table)}
    assert errors["ResNet-18 (28 px)", "accuracy"] == f"{(0.524 * 0.476 / 400) ** 0.5:.6f}"
    assert errors["ResNet-18 (28 px)", "auc_grades"] == errors["basenet/ce_mid", "accuracy"] == ""
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
        ("n: 400", "n: 0", "retinamnist.n"),
    ],
)
def test_a_wrong_file_is_one_sentence(tmp_path, was, becomes, words):
    path = tmp_path / "makers.yaml"
    path.write_text((ROOT / MAKERS).read_text().replace(was, becomes))
    with pytest.raises(InputError, match=words):
        read_makers("retinamnist", path)
