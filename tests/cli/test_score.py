"""``fundusbench score``: anyone's predictions in, kappa with its interval out, one sentence on bad input."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmark.cli import score
from benchmark.common.errors import InputError
from benchmark.runs.predictions import PROBS, Predictions, write_predictions
from benchmark.scoring.kappa import confusion_matrix, quadratic_weighted_kappa
from tests.factories.grades import simulate
from tests.factories.paths import SHARED

EYEPACS = SHARED / "data/eyepacs_labels/retinopathy_solution.csv"
needs_eyepacs = pytest.mark.skipif(not EYEPACS.exists(), reason=f"the labels of EyePACS are not at {EYEPACS}")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Labels of 60 patients in Kaggle's form, and predictions in every form, as good as each other."""
    rng = np.random.default_rng(0)
    made = simulate(60, rng)
    labels = pd.DataFrame({"image": made.image_id, "level": made.grade})
    labels["Usage"] = np.where(np.arange(120) < 40, "Public", "Private")
    output = made.grade + 0.4 * rng.normal(size=120)
    logits = -3 * (output[:, None] - np.arange(5)) ** 2
    prob = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    image = labels[["image"]]
    labels.to_csv(tmp_path / "labels.csv", index=False)
    image.assign(prediction=made.predicted[0]).to_csv(tmp_path / "grades.csv", index=False)
    image.assign(score=output).sample(frac=1, random_state=1).to_csv(tmp_path / "score.csv", index=False)
    image.join(pd.DataFrame(prob, columns=list(PROBS))).to_csv(tmp_path / "prob.csv", index=False)
    image.join(pd.DataFrame(prob.round(4), columns=list("vwxyz"))).to_csv(tmp_path / "five.csv", index=False)
    np.save(tmp_path / "prob.npy", prob.astype(np.float32))
    return tmp_path


def run(folder: Path, predictions: str, *more: str, labels: str = "labels.csv") -> dict:
    parser = argparse.ArgumentParser()
    score.add_arguments(parser)
    files = [*(str(folder / one) for one in predictions.split()), "--labels", str(folder / labels), "--json"]
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        score.run(parser.parse_args([*files, *more]))
    return json.loads(printed.getvalue())


def printed(folder: Path, predictions: str, *more: str) -> str:
    """Return the printed output of the command."""
    parser = argparse.ArgumentParser()
    score.add_arguments(parser)
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        score.run(
            parser.parse_args(
                [*(str(folder / one) for one in predictions.split()), "--labels", str(folder / "labels.csv"), *more]
            )
        )
    return out.getvalue()


def rows(result: dict) -> dict[tuple[str, str], dict]:
    return {(row["split"], row["rule"]): row for row in result["scores"]}


def edit(folder: Path, file: str, change) -> None:
    table = pd.read_csv(folder / file, dtype=str)
    change(table).to_csv(folder / file, index=False)


def put(column: str, value: str, place: int = 0):
    def change(table: pd.DataFrame) -> pd.DataFrame:
        table.loc[place, column] = value
        return table

    return change


def test_grades_are_scored_per_split(folder: Path) -> None:
    found = rows(run(folder, "grades.csv"))
    labels, grades = pd.read_csv(folder / "labels.csv"), pd.read_csv(folder / "grades.csv")
    assert found.keys() == {("val", "given"), ("test", "given")}
    for split, usage in (("val", "Public"), ("test", "Private")):
        of = (labels["Usage"] == usage).to_numpy()
        confusion = confusion_matrix(labels["level"].to_numpy()[of], grades["prediction"].to_numpy()[of])
        kappa = found[split, "given"]["kappa"]
        assert kappa["estimate"] == pytest.approx(quadratic_weighted_kappa(confusion))
        assert kappa["low"] < kappa["estimate"] < kappa["high"]
        assert (found[split, "given"]["n_images"], kappa["n_patients"]) == (of.sum(), of.sum() // 2)
    out = printed(folder, "grades.csv")
    assert f"{found['test', 'given']['kappa']['estimate']:.4f}" in out
    assert "patients: the image names" in out


def test_a_score_is_decoded_by_every_rule_and_tuned_thresholds_are_used_on_test_alone(folder: Path) -> None:
    assert list(rows(run(folder, "score.csv"))) == [
        ("val", "nearest"),
        ("val", "fixed"),
        ("test", "nearest"),
        ("test", "fixed"),
        ("test", "tuned"),
    ]


def test_probabilities_score_the_same_from_every_form(folder: Path) -> None:
    named = ["--columns", *(f"prob_{grade}={name}" for grade, name in enumerate("vwxyz"))]
    found = [rows(run(folder, *given)) for given in (["prob.csv"], ["five.csv", *named], ["prob.npy"])]
    assert list(found[0]) == [
        ("val", "argmax"),
        ("val", "expected"),
        ("test", "argmax"),
        ("test", "expected"),
        ("test", "expected_tuned"),
    ]
    for other in found[1:]:
        assert {key: row["kappa"] for key, row in other.items()} == {key: row["kappa"] for key, row in found[0].items()}


def test_a_run_of_this_project_is_scored_by_both_heads(folder: Path) -> None:
    labels = pd.read_csv(folder / "labels.csv")
    test = (labels["Usage"] == "Private").to_numpy()
    grade = labels["level"].to_numpy(np.int64)[test]
    prob = np.load(folder / "prob.npy")[test]
    names = labels["image"].to_numpy(str)[test]
    predictions = Predictions(names, names, names, (grade + 1) % 5, grade.astype(np.float32) + 0.25, prob)
    write_predictions(predictions, folder / "run.csv")
    result = run(folder, "run.csv")
    assert [row["rule"] for row in result["scores"]] == ["argmax", "expected", "nearest", "fixed"]
    assert rows(result)["test", "nearest"]["kappa"]["estimate"] == 1
    assert any("val (40 labels) is not predicted" in note for note in result["notes"])


def test_columns_can_be_named(folder: Path) -> None:
    expected = rows(run(folder, "score.csv"))
    edit(folder, "score.csv", lambda table: table.rename(columns={"image": "file", "score": "y_hat"}))
    edit(folder, "labels.csv", lambda table: table.rename(columns={"level": "icdr", "Usage": "split"}))
    named = rows(run(folder, "score.csv", "--columns", "image=file", "score=y_hat", "grade=icdr"))
    assert {key: row["kappa"] for key, row in named.items()} == {key: row["kappa"] for key, row in expected.items()}


def test_patients_come_from_a_column_or_the_names_and_are_else_unknown(folder: Path) -> None:
    by_name = rows(run(folder, "grades.csv"))["test", "given"]["kappa"]
    edit(folder, "labels.csv", lambda table: table.assign(patient=[f"p{i // 2}" for i in range(120)]))
    assert rows(run(folder, "grades.csv"))["test", "given"]["kappa"] == by_name
    edit(folder, "labels.csv", lambda table: table.assign(patient=""))
    result = run(folder, "grades.csv")
    assert rows(result)["test", "given"]["kappa"]["n_patients"] == 80
    assert "patients: unknown" in result["notes"][0]
    edit(folder, "labels.csv", lambda table: table.drop(columns=["Usage"]))
    assert list(rows(run(folder, "grades.csv"))) == [("all", "given")]


def test_two_files_are_compared_under_each_shared_rule(folder: Path) -> None:
    edit(folder, "prob.csv", lambda table: table.assign(score=pd.read_csv(folder / "score.csv").sort_index()["score"]))
    same = run(folder, "score.csv score.csv")
    assert len(same["comparisons"]) == 5
    assert {row["p_holm"] for row in same["comparisons"]} == {1.0}
    assert {row["difference"]["estimate"] for row in same["comparisons"]} == {0.0}
    other = run(folder, "grades.csv prob.npy")["comparisons"]
    assert [(row["split"], *row["rules"]) for row in other] == [
        ("val", "given", "argmax"),
        ("test", "given", "argmax"),
    ]
    test = other[1]
    assert test["difference"]["low"] < test["difference"]["estimate"] < test["difference"]["high"]
    assert 0 < test["p"] <= test["p_holm"] <= 1
    out = printed(folder, "grades.csv prob.npy")
    assert f"{test['difference']['estimate']:+.4f}" in out


def test_several_files_are_ranked_and_all_compared_with_the_first(folder: Path) -> None:
    edit(folder, "grades.csv", lambda table: table.assign(prediction="0"))
    table = pd.read_csv(folder / "score.csv")
    table.assign(score=table["score"] + np.random.default_rng(1).normal(0, 0.5, len(table))).to_csv(
        folder / "worse.csv", index=False
    )
    found = run(folder, "score.csv worse.csv grades.csv", "--columns", "prediction=prediction")
    first, *others = (str(folder / name) for name in ("score.csv", "worse.csv", "grades.csv"))
    assert list(dict.fromkeys(row["file"] for row in found["scores"])) == [first, *others]
    # The third file holds grades, so no decision rule is common to all, and each has its first one.
    assert [(row["split"], row["file"], row["rule"]) for row in found["ranks"]] == [
        (split, file, rule)
        for split in ("val", "test")
        for file, rule in ((first, "nearest"), (others[0], "nearest"), (others[1], "given"))
    ]
    test = {row["file"]: row["probabilities"] for row in found["ranks"] if row["split"] == "test"}
    assert test[first][0] > 0.9
    assert sum(test[others[0]]) == pytest.approx(1)
    assert test[others[1]] == [None] * 3  # A kappa that is not clear of 0 has no rank.
    assert [(row["split"], *row["files"]) for row in found["comparisons"]] == [
        (split, first, other) for split in ("val", "test") for other in others
    ]
    out = printed(folder, "score.csv worse.csv grades.csv", "--columns", "prediction=prediction")
    assert "probability of each rank, over resamples of the patients" in out
    assert f"difference, {first} minus the other file" in out


def test_a_network_that_collapsed_has_no_kappa_but_a_reason(folder: Path) -> None:
    edit(folder, "labels.csv", lambda table: table.assign(level="0"))
    edit(folder, "grades.csv", lambda table: table.assign(prediction="0"))
    asked = ("--columns", "prediction=prediction")
    row = rows(run(folder, "grades.csv", *asked))["test", "given"]
    assert row["kappa"]["estimate"] is None
    assert row["why_undefined"] == "every label and every prediction is grade 0"
    assert "every prediction is grade 0" in printed(folder, "grades.csv", *asked)
    assert run(folder, "score.csv grades.csv", *asked)["comparisons"][0]["p"] is None


BAD = {
    "label that is not a grade": (
        "labels.csv",
        put("level", "7"),
        "grades.csv",
        "0, 1, 2, 3 or 4.* has '7' for image '0_left'",
    ),
    "label that is empty": ("labels.csv", put("level", ""), "grades.csv", "0, 1, 2, 3 or 4.* has '' for"),
    "label that recurs": ("labels.csv", put("image", "0_right"), "grades.csv", "an image may occur once.*'0_right'"),
    "split of no known name": ("labels.csv", put("Usage", "dev"), "grades.csv", "a split must be one of train"),
    "no grade column": (
        "labels.csv",
        lambda t: t.drop(columns=["level"]),
        "grades.csv",
        "column for the grade.*--columns",
    ),
    "score that is not finite": ("score.csv", put("score", "nan"), "score.csv", "finite number everywhere.*'nan'"),
    "score that is text": ("score.csv", put("score", "high"), "score.csv", "finite number everywhere.*'high'"),
    "grade that is none": ("grades.csv", put("prediction", "5"), "grades.csv", "belongs in a column `score`"),
    "columns that name no grade": ("five.csv", lambda t: t, "five.csv", "five columns whose names hold the grades"),
    "prediction that recurs": ("grades.csv", put("image", "1_left"), "grades.csv", "may occur once.*'1_left'"),
    "image without prediction": (
        "grades.csv",
        lambda t: t.iloc[1:],
        "grades.csv",
        "lacks 1 of the 40 images of val.*'0_left'",
    ),
    "image without label": ("grades.csv", put("image", "x"), "grades.csv", "needs a label, but 1 of .*'x'"),
    "no output column": ("grades.csv", lambda t: t[["image"]], "grades.csv", "predictions need a column `prediction`"),
    "no row": ("grades.csv", lambda t: t.iloc[:0], "grades.csv", "a row per image"),
    "four probabilities": (
        "prob.csv",
        lambda t: t.drop(columns=["prob_4"]),
        "prob.csv",
        "five columns.* prob_3: name them",
    ),
    "negative logits": ("prob.csv", put("prob_0", "-3.2"), "prob.csv", "which logits become by a softmax"),
    "logits": ("prob.csv", put("prob_0", "3.2"), "prob.csv", "add up to 1.* for image '0_left'.* as the network gives"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused_in_one_sentence(folder: Path, case: str) -> None:
    file, change, predictions, sentence = BAD[case]
    edit(folder, file, change)
    with pytest.raises(InputError, match=sentence) as refused:
        run(folder, predictions)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("array", [np.ones((119, 5)), np.ones(120), np.full((120, 5), np.nan), np.array(["a"] * 120)])
def test_an_array_of_another_shape_or_without_probabilities_is_refused(folder: Path, array: np.ndarray) -> None:
    np.save(folder / "bad.npy", array)
    with pytest.raises(InputError, match=r"shape \(120, 5\)|finite|numbers"):
        run(folder, "bad.npy")


@pytest.mark.parametrize("file", ["absent.csv", "absent.npy", "empty.csv", "broken.csv", "broken.npy"])
def test_unreadable_files_are_refused(folder: Path, file: str) -> None:
    (folder / "empty.csv").touch()
    for name in ("broken.csv", "broken.npy"):
        (folder / name).write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match=f"(readable file|must be a table).*{file}|{file} must be a table"):
        run(folder, file)


@pytest.mark.parametrize("pair", ["image=nothing", "shoe=image", "image"])
def test_columns_that_no_file_has_are_refused(folder: Path, pair: str) -> None:
    with pytest.raises(InputError, match=r"--columns must be one of|must name a column of the file"):
        run(folder, "grades.csv", "--columns", pair)


def test_files_without_a_common_split_cannot_be_compared(folder: Path) -> None:
    edit(folder, "score.csv", lambda table: table[table["image"].str.split("_").str[0].astype(int) < 20])
    edit(folder, "grades.csv", lambda table: table.iloc[40:])
    with pytest.raises(InputError, match="share none"):
        run(folder, "score.csv grades.csv")


@pytest.mark.slow
@needs_eyepacs
def test_the_fellow_eyes_label_scores_what_the_facts_say(tmp_path: Path) -> None:
    labels = pd.read_csv(EYEPACS)
    fellow = labels["image"].str.replace("left", "_").str.replace("right", "left").str.replace("__", "_right")
    level = dict(zip(labels["image"], labels["level"], strict=True))
    labels.assign(level=fellow.map(level))[["image", "level"]].to_csv(tmp_path / "fellow.csv", index=False)
    (tmp_path / "labels.csv").write_bytes(EYEPACS.read_bytes())
    found = rows(run(tmp_path, "fellow.csv"))
    assert {split: (row["n_images"], row["kappa"]["n_patients"]) for (split, _), row in found.items()} == {
        "val": (10_906, 5_453),
        "test": (42_670, 21_335),
    }
    assert found["test", "given"]["kappa"]["estimate"] == pytest.approx(0.859, abs=0.0005)
    assert found["val", "given"]["kappa"]["estimate"] == pytest.approx(0.8575, abs=0.00005)


@pytest.mark.slow
@needs_eyepacs
def test_intervals_at_the_size_of_eyepacs_have_the_width_of_the_facts(tmp_path: Path) -> None:
    labels = pd.read_csv(EYEPACS)
    rng = np.random.default_rng(0)
    # A patient's eyes err alike; with tuned cuts that gives a kappa like that of the published networks.
    patient = labels["image"].str.split("_").str[0].factorize()[0]
    error = 0.5 * rng.normal(size=patient.max() + 1)[patient] + 0.4 * rng.normal(size=len(labels))
    labels["score"] = 0.85 * labels["level"] + 0.1 + error
    labels[["image", "score"]].to_csv(tmp_path / "score.csv", index=False)
    (tmp_path / "labels.csv").write_bytes(EYEPACS.read_bytes())
    found = rows(run(tmp_path, "score.csv"))
    half = {key: (row["kappa"]["high"] - row["kappa"]["low"]) / 2 for key, row in found.items()}
    assert found["test", "tuned"]["kappa"]["estimate"] == pytest.approx(0.84, abs=0.01)
    assert half["test", "tuned"] == pytest.approx(0.0065, abs=0.0015)
    assert half["val", "nearest"] / half["test", "nearest"] == pytest.approx((21_335 / 5_453) ** 0.5, rel=0.15)
