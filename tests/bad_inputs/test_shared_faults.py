"""Reported inputs from an optional folder, with the right kappa or a refusal."""

from __future__ import annotations

import json

import pytest

from tests.bad_inputs.running import is_one_sentence, outcome
from tests.factories.paths import SHARED

FAULTS = SHARED / "faults"
pytestmark = pytest.mark.skipif(not FAULTS.exists(), reason=f"inputs that people report are not at {FAULTS}")

WITH_TRUTH = {
    "c_diagnosis_pred.csv": ("given", 0.7696),
    "d_diagnosis_0to4.csv": ("argmax", 0.7696),
    "f_grade_ypred.csv": ("given", 0.7696),
    "b_targets_preds.csv": ("nearest", 0.7651),
}
ODD_READ = {
    "p_probs.csv": 0.1138,
    "p_class_columns.csv": 0.1138,
    "p_class_reversed.csv": 0.1138,
    "p_six_columns.csv": 0.1138,
    "p_percent.csv": 0.1138,
    "p_rounded2.csv": 0.1138,
    "p_grade_float.csv": 0.8957,
}
ODD_REFUSED = {
    "p_comma_decimal.csv": "decimals after a point",
    "p_empty.csv": "is empty",
    "p_fewer.csv": "lacks 3 of the 30 images",
    "p_four_columns.csv": "five columns whose names hold the grades",
    "p_grade_5.csv": "has '5' for image",
    "p_grade_minus1.csv": "has '-1' for image",
    "p_grade_nan.csv": "has '' for image",
    "p_header.csv": "a row per image",
    "p_logits.csv": "logits become by a softmax",
    "p_more.csv": "2 of",
    "p_noheader.csv": "column for the image",
    "p_score_inf.csv": "'inf'",
    "p_score_nan.csv": "has '' for image",
    "p_sigmoid.csv": "add up to 1",
    "p_text_array.csv": "must be 0, 1, 2, 3 or 4",
    "p_text_list.csv": "must be 0, 1, 2, 3 or 4",
    "p_twice.csv": "'1_left' twice",
}
ARRAYS = {
    "cut.npy": "whole npy file",
    "empty.npy": "is empty",
    "labels.xlsx": "one filled sheet",
    "logits.npy": "logits become by a softmax",
    "m.mat": "MATLAB",
    "nan.npy": "finite numbers",
    "object.npy": "Object arrays",
    "p.json": "JSON",
    "probs.npz": ".npz",
}
PACKED = {
    "cut.csv.gz": "truncated, damaged",
    "cut.csv.zip": "truncated, damaged",
    "empty.csv.zip": "holds none",
    "mac.csv.zip": "",
    "renamed.csv.gz": "",
    "renamed.csv.zip": "",
    "trainLabels.csv.zip": "",
}


def kappas(folder: str, predictions: str, labels: str, capsys) -> dict[str, float]:
    given = ("score", str(FAULTS / folder / predictions), "--labels", str(FAULTS / folder / labels))
    code, out, err = outcome(capsys, *given, "--json")
    assert (code, err) == (0, "")
    return {row["rule"]: row["kappa"]["estimate"] for row in json.loads(out)["scores"]}


def refusal(folder: str, predictions: str, capsys) -> str:
    files = FAULTS / folder
    code, out, err = outcome(capsys, "score", str(files / predictions), "--labels", str(files / "labels.csv"))
    assert (code, out, is_one_sentence(err)) == (2, "", True)
    return err


@pytest.mark.parametrize("name", WITH_TRUTH)
def test_a_column_with_the_truth_is_not_scored(name, capsys):
    rule, kappa = WITH_TRUTH[name]
    assert kappas("score_truth_beside", name, "labels.csv", capsys)[rule] == pytest.approx(kappa, abs=5e-5)


@pytest.mark.parametrize("name", ["in_order.csv", "alphabetical.csv", "counted_down.csv"])
def test_probabilities_are_ordered_by_their_names(name, capsys):
    assert kappas("class_order", name, "labels.csv", capsys)["argmax"] == pytest.approx(0.8809, abs=5e-5)


def test_a_prediction_and_a_score_need_a_choice(capsys, tmp_path):
    assert "prediction=prediction" in refusal("class_order", "prediction_and_score.csv", capsys)


@pytest.mark.parametrize("name", sorted(path.name for path in FAULTS.glob("csv_dialects/*.csv")))
def test_every_form_of_a_table_has_the_same_kappa(name, capsys):
    if name in ("pred.csv", "grades_as_floats.csv"):
        pytest.skip("no labels of pred.csv's images")
    assert kappas("csv_dialects", "pred.csv", name, capsys)["given"] == pytest.approx(0.9393939, abs=1e-6)


@pytest.mark.parametrize("name", ODD_READ)
def test_unusual_predictions_have_the_right_kappa(name, capsys):
    found = kappas("odd_predictions", name, "labels.csv", capsys)
    assert next(iter(found.values())) == pytest.approx(ODD_READ[name], abs=5e-5)


@pytest.mark.parametrize("name", ODD_REFUSED)
def test_invalid_predictions_are_refused(name, capsys):
    assert ODD_REFUSED[name] in refusal("odd_predictions", name, capsys)


@pytest.mark.parametrize("name", ARRAYS)
def test_invalid_arrays_and_other_files_are_refused(name, capsys):
    assert ARRAYS[name] in refusal("arrays", name, capsys)


@pytest.mark.parametrize("name", PACKED)
def test_compressed_labels_are_read_or_refused(name, capsys):
    where = str(FAULTS / "compressed" / name)
    code, _, err = outcome(capsys, "check", "--source", "csv", "--root", ".", "--table", where, "--labels-only")
    assert (code, is_one_sentence(err)) == ((2, True) if PACKED[name] else (0, False))
    assert PACKED[name] in err


def test_grades_may_be_written_as_floats(capsys):
    where = str(FAULTS / "csv_dialects/grades_as_floats.csv")
    assert outcome(capsys, "check", "--source", "csv", "--root", ".", "--table", where, "--labels-only")[0] == 0


@pytest.mark.parametrize("name", ["no_references", "phonetic", "strict_ooxml", "title_above"])
def test_workbooks_of_other_programs_are_read(name, capsys):
    assert kappas("round3", "sheets_pred.csv", f"{name}.xlsx", capsys)["given"] == pytest.approx(0.9487, abs=5e-5)


@pytest.mark.parametrize(
    ("predictions", "labels", "words"),
    [
        ("sheets_pred.csv", "labels.ods", "must be a whole Excel file"),  # With text in place of a number.
        ("long_excel_pred.csv", "long_labels.csv", "a spreadsheet turned names into numbers such as 2.01704E+16"),
    ],
)
def test_files_that_a_spreadsheet_damaged_are_refused(predictions, labels, words, capsys):
    files = (str(FAULTS / "round3" / predictions), "--labels", str(FAULTS / "round3" / labels))
    code, out, err = outcome(capsys, "score", *files)
    assert (code, out, is_one_sentence(err)) == (2, "", True)
    assert words in err


SCALES = {
    "score": (0.9148, "-0.45 to 4.3 on the scale of the grades, 0 to 4"),
    "score01": (0.3011, "-0.112 to 1.08 on the scale of the grades, 0 to 4"),
    "score15": (0.7155, "0.55 to 5.3 on the scale of the grades, 0 to 4"),
    "score100": (0.2877, "-11.2 to 108 on the scale of the grades, 0 to 4"),
}


@pytest.mark.parametrize("name", SCALES)
def test_the_range_of_a_score_stands_beside_its_kappa(name, capsys):
    kappa, words = SCALES[name]
    predictions, labels = (str(FAULTS / f"round3/scale_{file}.csv") for file in (name, "labels"))
    code, out, _ = outcome(capsys, "score", predictions, "--labels", labels, "--json")
    found = json.loads(out)
    assert (code, found["scores"][0]["kappa"]["estimate"]) == (0, pytest.approx(kappa, abs=5e-5))
    assert words in found["notes"][1]


def test_cumulative_outputs_are_recognised(capsys):
    predictions, labels = (str(FAULTS / f"round3/scale_{file}.csv") for file in ("five_cumulative", "labels"))
    code, out, err = outcome(capsys, "score", predictions, "--labels", labels)
    assert (code, out, is_one_sentence(err)) == (2, "", True)
    assert "these look cumulative" in err
    assert "most probable grade" not in err


PATIENTS = {
    ("shots_pred", "shots_labels"): (0.9288, 20, "the image names"),
    ("dotted_pred", "dotted_labels"): (0.9042, 40, "40 names look like several of one patient each"),
    **{
        ("placeholder_pred", f"placeholder_{kind}"): (0.9311, 60, "40 images of unknown patients")
        for kind in ("unknown", "nan", "dash", "empty")
    },
}


@pytest.mark.parametrize("files", PATIENTS)
def test_unknown_patients_and_shots_of_one_patient_are_recognised_or_told(files, capsys):
    kappa, patients, words = PATIENTS[files]
    predictions, labels = (str(FAULTS / f"round3/{name}.csv") for name in files)
    code, out, _ = outcome(capsys, "score", predictions, "--labels", labels, "--json")
    found = json.loads(out)["scores"][0]["kappa"]
    assert (code, found["estimate"], found["n_patients"]) == (0, pytest.approx(kappa, abs=5e-5), patients)
    assert words in out


@pytest.mark.parametrize(
    ("name", "code", "words"),
    [
        ("placeholder_nan_split", 0, "40 photographs whose patient is 'nan' count as unknown"),
        ("patient_case", 1, "'pat000' and 'PAT000'"),
        ("patient_floats", 1, "'0.0' and '0'"),
        ("shots_labels", 0, ""),
        ("dotted_labels", 0, "40 names look like several of one patient each (IM0001.000 and IM0001.001)"),
    ],
)
def test_the_check_of_patients_sees_through_placeholders_and_spellings(name, code, words, capsys):
    given = ("check", "--source", "csv", "--root", ".", "--table", str(FAULTS / f"round3/{name}.csv"), "--labels-only")
    found, out, err = outcome(capsys, *given)
    assert found == code
    assert words in err
    assert ("stops the pipeline: patients" in out) == bool(code)
