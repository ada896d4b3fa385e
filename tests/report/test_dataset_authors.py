"""Results published by the authors of a data set, and ours measured the same way."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from medmnist.evaluator import getACC, getAUC

from benchmark.common.errors import InputError
from benchmark.report.inputs import Inputs
from benchmark.report.render import to_markdown
from benchmark.report.tables import dataset_authors
from benchmark.report.tables.dataset_authors import binomial_se
from benchmark.runs.predictions import Predictions
from benchmark.scoring.metrics import measure
from benchmark.statistics.estimates import read_estimates, select, write_estimates
from benchmark.statistics.published.dataset_authors import DATASET_AUTHORS, read_dataset_authors
from tests.conftest import ROOT
from tests.factories.runs import ARMS, records


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


def test_a_set_whose_authors_published_nothing_has_no_table():
    assert read_dataset_authors("phantom", ROOT / DATASET_AUTHORS) is None


def test_where_n_is_not_known_there_is_no_binomial_se(tmp_path):
    path = tmp_path / "dataset_authors.yaml"
    path.write_text((ROOT / DATASET_AUTHORS).read_text().replace("  n: 400\n", ""))
    assert read_dataset_authors("retinamnist", path).n is None
    assert binomial_se("accuracy", 0.5, None) is binomial_se("auc_grades", 0.5, 400) is None


def test_the_binomial_se_is_how_a_share_scatters_over_draws_of_images():
    drawn = np.random.default_rng(0).binomial(400, 0.524, 20_000) / 400
    assert binomial_se("accuracy", 0.524, 400) == pytest.approx(drawn.std(), rel=0.03)


@pytest.mark.slow
def test_published_results_stand_before_ours(change):
    published = read_dataset_authors("retinamnist", ROOT / DATASET_AUTHORS)
    inputs = change(arms=ARMS)
    rows = read_estimates()
    for row in select(rows, kind="metric", arm="ce_small", split="test", head="prob"):
        if row.quantity in published.metrics:
            rows[rows.index(row)] = replace(row, estimate=0.6, sd=0.1, n_images=100)
    write_estimates(rows)
    data = inputs.params.data.model_copy(update={"source": "retinamnist"})
    inputs = Inputs(inputs.params.model_copy(update={"data": data}))
    table = dataset_authors.make(inputs)
    text = to_markdown(table)
    # The binomial error of 400 images for theirs, and of 100 for ours with its spread over seeds.
    assert "| ResNet-18 (28 px) | 0.717 | 0.524 (images ± 0.025) |" in text
    (ours,) = [line for line in text.splitlines() if line.startswith("| basenet/ce_small (40 px) |")]
    assert re.fullmatch(r".*0\.600 ± 0\.100( \[.*\])? \| 0\.600 ± 0\.100( \[.*\])? \(images ± 0\.049\) \|", ours)
    errors = {(r["row"], r["metric"]): r["binomial_se"] for r in records(table)}
    assert errors["ResNet-18 (28 px)", "accuracy"] == f"{(0.524 * 0.476 / 400) ** 0.5:.6f}"
    assert errors["ResNet-18 (28 px)", "auc_grades"] == ""
    assert "mse_small" not in text


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
    path = tmp_path / "dataset_authors.yaml"
    path.write_text((ROOT / DATASET_AUTHORS).read_text().replace(was, becomes))
    with pytest.raises(InputError, match=words):
        read_dataset_authors("retinamnist", path)
