from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import cohen_kappa_score, recall_score

from benchmark.common.errors import InputError
from benchmark.common.files import read_json, write_json
from benchmark.evaluation import evaluate
from benchmark.runs.predictions import read_predictions, write_predictions
from benchmark.scoring.decision_rules.registry import apply_rule
from benchmark.scoring.metrics import METRICS
from tests.factories.runs import make_all, make_params, make_run, reseal


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


TWO = {
    "basenet": {"mse_small": {"loss": "mse", "size": "small"}},
    "basenet_mt": {"small": {"loss": "ce_mse", "size": "small"}},
}


def read(name: str) -> pd.DataFrame:
    return pd.read_csv(evaluate.EVALUATION / f"{name}.csv")


def kappas_of_runs() -> pd.DataFrame:
    return read("metrics").query("metric == 'kappa'").rename(columns={"value": "kappa"})


def test_kappas_equal_scikit_learn():
    params = make_params(arms=TWO)
    make_all(params)
    evaluate.run(params)
    kappas = kappas_of_runs()
    assert len(kappas) == 3 * 2 * 3
    for line in kappas.itertuples():
        predictions = read_predictions(evaluate.RUNS / line.method / line.arm / str(line.seed) / f"{line.split}.csv")
        if line.head == "score":
            predicted = np.clip(np.rint(predictions.score), 0, 4).astype(int)
        else:
            predicted = predictions.prob.argmax(1)
        expected = cohen_kappa_score(predictions.grade, predicted, labels=range(5), weights="quadratic")
        assert line.kappa == pytest.approx(expected, abs=1e-6)
        assert line.n == len(predictions)


def test_metrics_csv_has_every_metric_of_every_run():
    params = make_params(arms=TWO)
    make_all(params)
    evaluate.run(params)
    table = read("metrics")
    shared = sum(metric.head is None for metric in METRICS.values())
    assert len(table) == 3 * 2 * (2 * shared + len(METRICS))
    for line in table[table["metric"] == "referable_sensitivity"].itertuples():
        path = evaluate.RUNS / line.method / line.arm / str(line.seed) / f"{line.split}.csv"
        predictions = read_predictions(path)
        sick = predictions.grade >= 2
        called = apply_rule(line.rule, predictions) >= 2
        assert (line.n, line.value) == (sick.sum(), pytest.approx(recall_score(sick, called), abs=1e-6))


def test_confusion_counts_every_image_once():
    params = make_params(arms=TWO)
    make_all(params)
    evaluate.run(params)
    totals = read("confusion").groupby(["method", "arm", "seed", "split", "head"])["count"].sum()
    assert set(totals.xs("val", level="split")) == {60}
    assert set(totals.xs("test", level="split")) == {100}


def test_dvc_shows_the_mean_kappa_of_the_last_arm_of_each_method():
    params = make_params(arms=TWO)
    make_all(params)
    evaluate.run(params)
    kappas = kappas_of_runs().query("method == 'basenet_mt' and arm == 'small' and head == 'score' and split == 'test'")
    shown = read_json(evaluate.HEADLINE)
    assert list(shown) == ["basenet/mse_small", "basenet_mt/small"]
    assert shown["basenet_mt/small"]["test"] == pytest.approx(kappas["kappa"].mean(), abs=2e-6)
    assert set(shown["basenet_mt/small"]) == {"val", "test"}


def test_a_missing_run_is_named_and_the_others_are_evaluated(caplog):
    params = make_params(arms=TWO)
    make_all(params, skip={("basenet", "mse_small", 0), ("basenet", "mse_small", 2)})
    evaluate.run(params)
    assert caplog.messages == ["basenet/mse_small has no run for seed 0, 2: its table cells state this"]
    assert set(kappas_of_runs().query("method == 'basenet'")["seed"]) == {1}


def test_no_finished_run_is_refused():
    with pytest.raises(InputError, match="needs a finished run"):
        evaluate.run(make_params())


def test_a_run_with_other_labels_is_refused_by_name():
    params = make_params(arms=TWO)
    make_all(params)
    path = evaluate.RUNS / "basenet_mt/small/1/test.csv"
    predictions = read_predictions(path)
    grade = predictions.grade.copy()
    grade[7] = (grade[7] + 1) % 5
    write_predictions(replace(predictions, grade=grade), path)
    reseal(path.parent)
    with pytest.raises(InputError, match=r"same test images.*basenet_mt/small seed 1 differ from.*other labels"):
        evaluate.run(params)


def test_a_run_with_other_images_is_refused_by_name():
    params = make_params(arms=TWO)
    make_all(params)
    path = evaluate.RUNS / "basenet_mt/small/1/val.csv"
    path.write_text("\n".join(path.read_text().splitlines()[:-1]) + "\n")
    reseal(path.parent)
    with pytest.raises(InputError, match=r"same val images.*basenet_mt/small seed 1 differ from.*other images"):
        evaluate.run(params)


def test_a_run_on_other_data_is_refused():
    params = make_params(arms=TWO)
    make_all(params)
    path = evaluate.RUNS / "basenet_mt/small/2/run.json"
    run = read_json(path)
    write_json(path, run | {"data": run["data"] | {"manifest_sha256": "1" * 64}})
    reseal(path.parent)
    with pytest.raises(InputError, match=r"those of basenet_mt/small seed 2 differ .*\(other data set\)"):
        evaluate.run(params)


def test_a_run_with_other_parameters_is_refused():
    make_all(make_params(arms=TWO))
    other = TWO | {"basenet": {"mse_small": {"loss": "mse", "size": "mid"}}}
    with pytest.raises(InputError, match=r"must be what params.yaml declares"):
        evaluate.run(make_params(arms=other))


def test_a_run_copied_to_another_seed_is_refused():
    params = make_params(arms=TWO)
    make_all(params)
    folder = evaluate.RUNS / "basenet/mse_small"
    (folder / "1/run.json").write_bytes((folder / "0/run.json").read_bytes())
    reseal(folder / "1")
    with pytest.raises(InputError, match=r"must be what params\.yaml declares"):
        evaluate.run(params)


def retrained(run):
    return run | {"key": "another"}


def longer(run):
    return run | {"train": run["train"] | {"epochs": 7}}


def faster(run):
    return run | {"train": run["train"] | {"lr": 0.5}}


def equalised(run):
    return run | {"prepared": run["prepared"] | {"colour_normalisation": "clahe"}}


def weighted(run):
    return run | {"loss": run["loss"] | {"parameters": {"weight": 0.3}}}


@pytest.mark.parametrize(
    ("path", "change", "messages"),
    [
        ("basenet_mt/small/1", retrained, [
            "m2cnn/mid seed 1 was made from an earlier training of basenet_mt/small/1",
            "controls/staged_mid seed 1 was made from an earlier training of basenet_mt/small/1",
        ]),
        ("m2cnn/large/0", retrained, []),
        ("basenet/ce_mid/2", longer, ["basenet/ce_mid seed 2 was trained for 7 epochs, but params.yaml declares 3"]),
        ("controls/same_images/0", longer, ["same_images seed 0 was trained for 7 epochs, but params.yaml declares 9"]),
        ("controls/same_macs/0", longer, ["same_macs seed 0 was trained for 7 epochs, but params.yaml declares 4"]),
        ("basenet/ce_mid/0", faster, ["ce_mid seed 0 was trained with train.lr 0.5 instead of 0.003"]),
        ("basenet/ce_mid/1", equalised, ["ce_mid seed 1 was trained with prepare.colour_normalisation clahe"]),
        ("m2cnn/mid/0", weighted, ["mid seed 0 was trained with losses.ce_mse.weight 0.3 instead of 1.0"]),
    ],
)  # fmt: skip
def test_inconsistent_runs_are_refused_by_name(path, change, messages):
    params = make_params()
    make_all(params)
    folder = evaluate.RUNS / path
    write_json(folder / "run.json", change(read_json(folder / "run.json")))
    reseal(folder)
    if not messages:
        evaluate.run(params)
        return
    with pytest.raises(InputError, match="runs must belong together, but ") as refused:
        evaluate.run(params)
    assert all(message in str(refused.value) for message in messages)
    assert str(refused.value).count(" seed ") == sum(message.count(" seed ") for message in messages)


@pytest.mark.slow
def test_a_run_without_its_parent_is_evaluated():
    params = make_params()
    make_all(params, skip={("basenet_mt", "small", 0)})
    evaluate.run(params)
    assert set(read("runs")["seed"]) == {0, 1, 2}


def test_a_gap_in_the_predictions_is_refused():
    params = make_params(arms=TWO)
    make_all(params)
    path = evaluate.RUNS / "basenet/mse_small/0/val.csv"
    predictions = read_predictions(path)
    score = predictions.score.copy()
    score[3] = np.nan
    write_predictions(replace(predictions, score=score), path)
    reseal(path.parent)
    with pytest.raises(InputError, match=r"head score must give a finite number.*mse_small/0/val.csv has gaps"):
        evaluate.run(params)


def test_grades_csv_counts_images_and_patients():
    params = make_params(seeds=[0], arms=TWO)
    make_all(params)
    evaluate.run(params)
    total = read("grades").query("grade == 'all'").set_index("split")
    assert total.loc["val"].tolist() == ["all", 60, 30, 0]
    assert total.loc["test"].tolist() == ["all", 100, 50, 0]


def test_unknown_patients_are_counted_as_such():
    params = make_params(seeds=[0], arms={"basenet": TWO["basenet"]})
    make_run(params, "basenet", "mse_small", 0, patients=False)
    evaluate.run(params)
    assert read("grades").query("split == 'val' and grade == 'all'").iloc[0].tolist() == ["val", "all", 60, 0, 60]


def test_curves_have_the_numbers_that_training_wrote():
    params = make_params(seeds=[0], arms=TWO)
    make_all(params)
    evaluate.run(params)
    history = (evaluate.RUNS / "basenet/mse_small/0/history.csv").read_text().splitlines()[1:]
    curves = (evaluate.EVALUATION / "curves.csv").read_text().splitlines()[1:4]
    assert curves == [f"basenet,mse_small,0,{line}" for line in history]


@pytest.mark.slow
def test_the_same_runs_give_the_same_bytes():
    params = make_params()
    make_all(params)
    evaluate.run(params)
    first = {path: path.read_bytes() for path in evaluate.EVALUATION.rglob("*.*")}
    evaluate.run(params)
    assert {path: path.read_bytes() for path in evaluate.EVALUATION.rglob("*.*")} == first


def test_an_undefined_kappa_is_left_empty():
    params = make_params(seeds=[0], arms={"basenet": TWO["basenet"]})
    folder = make_run(params, "basenet", "mse_small", 0)
    for split in ("val", "test"):
        predictions = read_predictions(folder / f"{split}.csv")
        same = replace(predictions, grade=predictions.grade * 0, score=predictions.score * 0)
        write_predictions(same, folder / f"{split}.csv")
    reseal(folder)
    evaluate.run(params)
    assert kappas_of_runs()["kappa"].isna().all()
    values = read("metrics").set_index("metric")["value"]
    assert values["recall_0"].notna().all()
    assert values[["kappa", "recall_1", "referable_auc"]].isna().all()
    assert read_json(evaluate.HEADLINE)["basenet/mse_small"] == {}


@pytest.mark.slow
def test_evaluating_needs_no_torch():
    code = "import sys, benchmark.evaluation.evaluate\n"
    code += "sys.exit(any(m in sys.modules for m in ('torch', 'sklearn', 'seaborn')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
