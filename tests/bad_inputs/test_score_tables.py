"""``score`` on tables in many forms: the right kappa, or exit code 2 and one sentence with the fix."""

from __future__ import annotations

import io
import json
import re
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tests.bad_inputs.dialects import DIALECTS, NO_TABLES
from tests.bad_inputs.running import (
    GRADES,
    IMAGES,
    KAPPA,
    LABELS,
    PERCENT,
    PREDICTED,
    TRUTH,
    csv,
    is_one_sentence,
    outcome,
    probabilities,
    put,
    saved,
)
from tests.factories.workbooks import ods, with_part, xlsx

SCORES = [grade + 0.25 for grade in PREDICTED]
ALPHABETICAL = ("Mild", "Moderate", "No_DR", "Proliferate_DR", "Severe")
WORKBOOKS = Path(__file__).parent / "workbooks"
LETTERS = (1, 2, 0, 4, 3)
"""Grades of ALPHABETICAL."""


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def table(**columns: object) -> str:
    return csv({"image": IMAGES, **columns})


def renamed(names: list[str], column: str = "prediction", values: object = PREDICTED) -> str:
    return csv({"image": names, column: values})


def workbook(header: list[str], values: object) -> bytes:
    return xlsx([header, *([image, value] for image, value in zip(IMAGES, values, strict=True))])


READ: dict[str, tuple[str | bytes, str | bytes]] = {
    "plain": (GRADES, LABELS),
    "grades as 2.0": (table(prediction=[f"{grade}.0" for grade in PREDICTED]), LABELS),
    "labels as 2.0": (GRADES, table(level=[f"{grade}.0" for grade in TRUTH])),
    "grades with a sign": (table(prediction=[f"+{grade}" for grade in PREDICTED]), LABELS),
    # Column names of predictions next to the truth.
    "diagnosis and pred": (table(diagnosis=TRUTH, pred=PREDICTED), LABELS),
    "grade and y_pred": (table(grade=TRUTH, y_pred=PREDICTED), LABELS),
    "target and Predicted": (table(target=TRUTH, Predicted=PREDICTED), LABELS),
    "label and predicted_label": (table(label=TRUTH, predicted_label=PREDICTED), LABELS),
    "truth and a score": (table(level=TRUTH, output=SCORES), LABELS),
    "preds, targets, images": (csv({"preds": SCORES, "targets": TRUTH, "images": IMAGES}), LABELS),
    "scores, some of them whole": (table(pred=[*PREDICTED[:6], *SCORES[6:]]), LABELS),
    "sides as ophthalmologists write them": (
        renamed([image.replace("_left", "-OS").replace("_right", "-OD") for image in IMAGES]),
        renamed([image.replace("_left", "-OS").replace("_right", "-OD") for image in IMAGES], "level", TRUTH),
    ),
    "a submission": (table(level=PREDICTED), LABELS),
    "truth and a submission's word": (table(level=TRUTH, diagnosis=PREDICTED), LABELS),
    "equal predictions under two names of the truth": (table(level=PREDICTED, diagnosis=PREDICTED), LABELS),
    # Probabilities: names and order.
    "prob_0..4": (probabilities([f"prob_{grade}" for grade in range(5)]), LABELS),
    "p0..4": (probabilities([f"p{grade}" for grade in range(5)]), LABELS),
    "0..4": (probabilities("01234"), LABELS),
    "counted down": (probabilities("43210", order=(4, 3, 2, 1, 0)), LABELS),
    "shuffled": (probabilities([f"class_{grade}" for grade in (0, 2, 1, 4, 3)], order=(0, 2, 1, 4, 3)), LABELS),
    "alphabetical words": (probabilities(ALPHABETICAL, order=LETTERS), LABELS),
    "words with a beginning": (probabilities([f"prob {word}" for word in ALPHABETICAL], order=LETTERS), LABELS),
    "digits and words": (
        probabilities([f"{g}-{w}" for g, w in zip(LETTERS, ALPHABETICAL, strict=True)], order=LETTERS),
        LABELS,
    ),
    "NPDR": (
        probabilities(("No DR", "PDR", "Severe NPDR", "Moderate NPDR", "Mild NPDR"), order=(0, 4, 3, 2, 1)),
        LABELS,
    ),
    "truth and 0..4": (
        csv({"image": IMAGES, "diagnosis": TRUTH, **dict(zip("01234", PERCENT.T / 100, strict=True))}),
        LABELS,
    ),
    "an additional column": (
        csv({"image": IMAGES, "seconds": [1] * 12, **dict(zip("01234", PERCENT.T / 100, strict=True))}),
        LABELS,
    ),
    # Probabilities: values.
    "percentages": (probabilities("01234", PERCENT), LABELS),
    "rounded to two decimals": (probabilities("01234", np.where(PERCENT == 80, 0.78, 0.06)), LABELS),
    "rounded to one decimal": (probabilities("01234", np.where(PERCENT == 80, 0.8, 0.1)), LABELS),
    "one-hot": (probabilities("01234", np.where(PERCENT == 80, 1, 0)), LABELS),
    # Names of images.
    "extension on one side": (renamed([f"{image}.jpeg" for image in IMAGES]), LABELS),
    "extension on the other": (GRADES, renamed([f"{image}.PNG" for image in IMAGES], "level", TRUTH)),
    "another extension on each": (
        renamed([f"{image}.jpg" for image in IMAGES]),
        renamed([f"{image}.tif" for image in IMAGES], "level", TRUTH),
    ),
    "folder on one side": (renamed([f"test/{image}" for image in IMAGES]), LABELS),
    "Windows path": (renamed([f"C:\\eyes\\test\\{image}.jpeg" for image in IMAGES]), LABELS),
    "folders of different depths": (
        renamed([f"/data/eyes/test/{image}.jpeg" for image in IMAGES]),
        renamed([f"test\\{image}" for image in IMAGES], "level", TRUTH),
    ),
    "any order": (csv({"image": IMAGES[::-1], "prediction": PREDICTED[::-1]}), LABELS),
    # Columns of known sets.
    "APTOS": (GRADES, csv({"id_code": IMAGES, "diagnosis": TRUTH})),
    "IDRiD": (
        GRADES,
        csv({"Image name": IMAGES, "Retinopathy grade": TRUTH, "Risk of macular edema ": TRUTH, "": [""] * 12}),
    ),
    "Messidor-2": (GRADES, csv({"image_id": IMAGES, "adjudicated_dr_grade": TRUTH, "adjudicated_dme": [0] * 12})),
    "DDR": (GRADES, "".join(f"{image}.jpg {grade}\n" for image, grade in zip(IMAGES, TRUTH, strict=True))),
    "DDR with commas": (GRADES, "".join(f"{image}.jpg,{grade}\n" for image, grade in zip(IMAGES, TRUTH, strict=True))),
    "a manifest": (GRADES, csv({"image_id": IMAGES, "path": [f"x/{image}.jpg" for image in IMAGES], "grade": TRUTH})),
    "two words for one grade": (GRADES, csv({"image": IMAGES, "level": TRUTH, "label": TRUTH})),
    "workbook": (workbook(["image", "prediction"], PREDICTED), workbook(["image", "level"], TRUTH)),
    # Arrays.
    "array": (saved(PERCENT / 100), LABELS),
    "array of halves": (saved((PERCENT / 100).astype(np.float16)), LABELS),
    "array of whole percentages": (saved(PERCENT), LABELS),
    "array of another byte order": (saved((PERCENT / 100).astype(">f4")), LABELS),
    "array in the order of Fortran": (saved(np.asfortranarray(PERCENT / 100)), LABELS),
}
"""Predictions and labels, all of which mean PREDICTED and TRUTH."""
# Committed files: labels.xls was written by xlwt 1.3.0, labels.xlsb record by record.
READ |= {name: (GRADES, (WORKBOOKS / name).read_bytes()) for name in ("labels.xls", "labels.xlsb")}
READ |= {name: (write(GRADES), write(LABELS)) for name, write in DIALECTS.items()}


@pytest.mark.parametrize("case", READ)
def test_an_unambiguous_table_has_the_right_kappa(case, capsys):
    predictions, labels = READ[case]
    put("predictions", predictions)
    put("labels", labels)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        code, out, err = outcome(capsys, "score", "predictions", "--labels", "labels", "--json")
    assert (code, err) == (0, "")
    first = json.loads(out)["scores"][0]
    assert (first["split"], first["n_images"], first["kappa"]["n_patients"]) == ("all", 12, 6)
    assert first["kappa"]["estimate"] == pytest.approx(KAPPA, abs=1e-12)


TWO = table(prediction=PREDICTED, score=SCORES)
REFUSED: dict[str, tuple[str | bytes | None, str | bytes | None, str]] = {
    # Columns.
    "the truth alone": (LABELS, LABELS, "must differ from the labels.*--columns prediction=level"),
    "a copy of the truth called pred": (
        table(pred=TRUTH),
        LABELS,
        "must differ from the labels.*--columns prediction=pred",
    ),
    "a copy of the truth called score": (
        table(score=TRUTH),
        LABELS,
        "must differ from the labels.*--columns score=score",
    ),
    "the truth with a 1 per grade": (
        probabilities("01234", np.eye(5, dtype=int)[list(TRUTH)]),
        LABELS,
        "must differ from the labels.*--columns prob_0=0 prob_1=1",
    ),
    "another truth alone": (table(y_true=PREDICTED), LABELS, "predictions need a column"),
    "a name to be quoted": (
        csv({"image": IMAGES, "Predicted label": PREDICTED, "y_pred": PREDICTED[::-1]}),
        LABELS,
        "--columns 'prediction=Predicted label'",
    ),
    "prediction and score": (TWO, LABELS, "is in 2: choose from grades .*prediction=prediction.*score=score"),
    "prediction and probabilities": (
        csv({"image": IMAGES, "prediction": PREDICTED, **dict(zip("01234", PERCENT.T / 100, strict=True))}),
        LABELS,
        "is in 2: .*--columns prob_0=0 prob_1=1",
    ),
    "two predictions": (table(pred=PREDICTED, y_pred=PREDICTED[::-1]), LABELS, "is in 2: .*pred=?.*y_pred"),
    "two sets of probabilities": (
        csv(
            {
                "image": IMAGES,
                **{f"{a}_{g}": PERCENT[:, g] / d for a, d in zip("ab", (1, 100), strict=True) for g in range(5)},
            }
        ),
        LABELS,
        "is in 2: .*prob_0=a_0.*prob_0=b_0",
    ),
    "two words for the truth": (table(level=PREDICTED, label=PREDICTED[::-1]), LABELS, "is in 2"),
    "a submission and numbers": (table(level=PREDICTED, net=SCORES), LABELS, "is in 2: .*score=net"),
    "unknown names": (probabilities("vwxyz"), LABELS, "five columns whose names hold the grades"),
    "names from 1 to 5": (probabilities("12345"), LABELS, "five columns whose names hold the grades"),
    "four probabilities": (
        csv({"image": IMAGES, **dict(zip("0123", PERCENT.T[:4], strict=True))}),
        LABELS,
        "has image, 0, 1, 2, 3",
    ),
    "a grade twice": (
        probabilities(("No_DR", "Normal", "Mild", "Moderate", "Severe")),
        LABELS,
        "names hold the grades",
    ),
    "a digit against its word": (
        probabilities([f"{g}_{w}" for g, w in zip(range(5), ALPHABETICAL, strict=True)]),
        LABELS,
        "names hold the grades",
    ),
    "no prediction": (csv({"image": IMAGES}), LABELS, "predictions need a column"),
    "no image": (csv({"prediction": PREDICTED}), LABELS, "needs a column for the image.*--columns image=NAME"),
    "no grade": (GRADES, csv({"image": IMAGES}), "needs a column for the grade.*--columns grade=NAME"),
    "two truths": (GRADES, table(level=TRUTH, label=PREDICTED), "2 may be meant: .*grade=level, --columns grade=label"),
    "two images": (
        csv({"image": IMAGES, "id_code": IMAGES[::-1], "pred": PREDICTED}),
        LABELS,
        "one column for the image, but 2 may be meant",
    ),
    "no header": (GRADES.split("\n", 1)[1], LABELS, "column for the image.* has 1_left, 0"),
    "no header with probabilities": (
        "".join(f"{image},0,0,0,1,0\n" for image in IMAGES),
        LABELS,
        "each column a unique name, but predictions has '0' twice",
    ),
    "a name twice": (csv({"image": IMAGES, "p": PREDICTED}).replace("p\n", "image\n"), LABELS, "has 'image' twice"),
    "values without a name": (GRADES.replace("prediction", ""), LABELS, "none for column 2, which holds '0'"),
    # Values.
    "a fifth grade": (table(prediction=[5, *PREDICTED[1:]]), LABELS, "must be 0, 1, 2, 3 or 4.*'5' for image '1_left'"),
    "grade -1": (table(prediction=[-1, *PREDICTED[1:]]), LABELS, "has '-1' for image '1_left'"),
    "no grade for one": (table(prediction=["", *PREDICTED[1:]]), LABELS, "has '' for image '1_left'"),
    "grades in unknown words": (
        table(prediction=["mildish"] * 12),
        LABELS,
        r"'mildish' for image '1_left' \(12 such rows\)",
    ),
    "grades in Arabic digits": (table(prediction=["٣"] * 12), LABELS, "must be 0, 1, 2, 3 or 4"),
    "huge whole number": (table(prediction=["9" * 5000] * 12), LABELS, "must be 0, 1, 2, 3 or 4"),
    "label 5": (GRADES, table(level=[5, *TRUTH[1:]]), "has '5' for image '1_left'"),
    "label 1.5": (GRADES, table(level=[1.5, *TRUTH[1:]]), "has '1.5' for image '1_left'"),
    "label NaN": (GRADES, table(level=["NaN", *TRUTH[1:]]), "has 'NaN' for image '1_left'"),
    "score NaN": (table(score=["nan", *SCORES[1:]]), LABELS, "finite number everywhere.*'nan'"),
    "score inf": (table(score=["inf", *SCORES[1:]]), LABELS, "finite number everywhere.*'inf'"),
    "score beyond floats": (table(score=["1e999", *SCORES[1:]]), LABELS, "finite number everywhere.*'1e999'"),
    "score with an underscore": (table(score=["1_0", *SCORES[1:]]), LABELS, "finite number everywhere.*'1_0'"),
    "score as Python prints it": (table(score=["np.float64(1)", *SCORES[1:]]), LABELS, "finite number everywhere"),
    "decimal commas": (table(score=['"0,25"', *SCORES[1:]]), LABELS, "decimals after a point, not a comma.*'0,25'"),
    "decimal commas after semicolons": (
        csv({"image": IMAGES, "score": [f"{grade},25" for grade in PREDICTED]}, ";"),
        LABELS,
        "decimals after a point, not a comma",
    ),
    "lists as text": (table(prediction=['"[0.1, 0.9]"'] * 12), LABELS, r"has '\[0.1, 0.9\]'"),
    "logits": (probabilities("01234", PERCENT - 50.0), LABELS, "0 or more.*logits become by a softmax"),
    "sigmoids": (probabilities("01234", PERCENT / 50), LABELS, "add up to 1.*as the network gives them"),
    "all 0": (probabilities("01234", PERCENT * 0), LABELS, "add up to 1"),
    "all 1": (probabilities("01234", PERCENT * 0 + 1), LABELS, "add up to 1"),
    "a row of percentages among others": (
        probabilities("01234", PERCENT / np.where(np.arange(12) == 3, 1, 100)[:, None]),
        LABELS,
        r"add up to 1.*'2_right' \(1 such rows\)",
    ),
    "a probability missing": (
        probabilities("01234").replace("0.8", ""),
        LABELS,
        "column '0' must hold a finite number",
    ),
    # Images.
    "an image twice": (GRADES + "1_left,0\n", LABELS, "may occur once, but predictions has '1_left' twice"),
    "an image twice, once with folder": (GRADES + "test/1_left.png,0\n", LABELS, "'test/1_left.png' twice, once as"),
    "a label twice": (GRADES, LABELS + "1_left.jpeg,0\n", "may occur once, but labels has '1_left.jpeg' twice"),
    "an image without a name": (GRADES + ",3\n", LABELS, "each row must name its image, but predictions has 1 without"),
    "an image more": (GRADES + "99_left,3\n", LABELS, "needs a label, but 1 of predictions have none.*'99_left'"),
    "an image fewer": (GRADES.replace("1_left,0\n", ""), LABELS, "lacks 1 of the 12 images of all.*'1_left'"),
    "names of another set": (renamed([f"IM{i}" for i in range(12)]), LABELS, "12 of predictions have none"),
    "other folders": (
        renamed([f"train/{image}" for image in IMAGES]),
        renamed([f"test/{image}" for image in IMAGES], "level", TRUTH),
        "needs a label, but 12",
    ),
    "a folder too few": (
        csv({"image": ["x"], "prediction": [1]}),
        csv({"image": ["train/x", "test/x"], "level": [1, 2]}),
        "may be 'train/x' or 'test/x': write its folder",
    ),
    "names without zeros": (
        renamed([str(i) for i in range(12)]),
        renamed([f"{i:03d}" for i in range(12)], "level", TRUTH),
        "12 of predictions have none",
    ),
    "an unknown split": (GRADES, table(level=TRUTH, Usage=["dev"] * 12), "a split must be one of train.*'dev'"),
    "an empty split": (GRADES, table(level=TRUTH, split=[""] * 12), "a split must be one of train"),
    "half a split": (
        GRADES.replace("6_right,2\n", ""),
        table(level=TRUTH, Usage=["Public"] * 6 + ["Private"] * 6),
        "lacks 1 of the 6 images of test",
    ),
    "no predictions": (None, LABELS, "predictions does not exist: correct the path"),
    "no labels": (GRADES, None, "labels does not exist: correct the path"),
    "workbook with #N/A": (workbook(["image", "prediction"], ["#N/A"] * 12), LABELS, "has '#N/A' for image"),
    # Arrays.
    "array as labels": (GRADES, saved(PERCENT), "labels must be a table.* but labels is an array"),
    "array of another length": (saved(PERCENT[:5] / 100), LABELS, r"shape \(12, 5\).* has \(5, 5\)"),
    "array of four columns": (saved(PERCENT[:, :4] / 100), LABELS, r"shape \(12, 5\).* has \(12, 4\)"),
    "transposed array": (saved(PERCENT.T / 100), LABELS, r"shape \(12, 5\).* has \(5, 12\)"),
    "array of grades": (saved(np.array(PREDICTED)), LABELS, r"shape \(12, 5\).* has \(12,\)"),
    "empty array": (saved(np.zeros((0, 5))), LABELS, r"has \(0, 5\)"),
    "array of a number": (saved(np.float64(1)), LABELS, r"has \(\)"),
    "array of NaN": (saved(PERCENT * np.nan), LABELS, "finite numbers, but predictions does not in row 0"),
    "array of logits": (saved(PERCENT - 50.0), LABELS, "logits become by a softmax"),
    "array of text": (saved(np.full((12, 5), "a")), LABELS, "values of the type <U1"),
    "array of objects": (saved(np.full((12, 5), None)), LABELS, "Object arrays cannot be loaded"),
    "array of complex numbers": (saved(PERCENT * 1j), LABELS, "values of the type complex128"),
    "array of truth values": (saved(PERCENT == 80), LABELS, "values of the type bool"),
    "array cut off": (saved(PERCENT)[:-8], LABELS, "must be a whole npy file"),
    "array's header cut off": (saved(PERCENT)[:20], LABELS, "must be a whole npy file"),
    "array's header damaged": (saved(PERCENT).replace(b"'descr'", b"[[[[[[["), LABELS, "must be a whole npy file"),
    "array's header with a wrong shape": (
        saved(PERCENT).replace(b"(12, 5), ", b"(12, 5" + b"0" * 3),
        LABELS,
        "whole npy file",
    ),
}
"""Predictions, labels (None for a missing file), and a pattern of the error message."""
REFUSED |= {f"predictions: {name}": (content, LABELS, words) for name, (content, words) in NO_TABLES.items()}
REFUSED |= {f"labels: {name}": (GRADES, content, words) for name, (content, words) in NO_TABLES.items()}


@pytest.mark.parametrize("case", REFUSED)
def test_other_input_is_refused_in_one_sentence(case, capsys):
    predictions, labels, words = REFUSED[case]
    for name, content in (("predictions", predictions), ("labels", labels)):
        if content is not None:
            put(name, content)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        code, out, err = outcome(capsys, "score", "predictions", "--labels", "labels", "--json")
    assert (code, out) == (2, "")
    assert is_one_sentence(err)
    assert len(err) < 700
    assert re.search(words, err), err


BOTH = csv(
    {"image": IMAGES, "level": TRUTH, "pred": PREDICTED, "score": SCORES, **dict(zip("abcde", PERCENT.T, strict=True))}
)
FIVE = [f"prob_{grade}={name}" for grade, name in enumerate("abcde")]
CHOSEN = {
    "grades": (["prediction=pred"], {"given": KAPPA}),
    "a score": (["score=score"], {"nearest": KAPPA}),
    "both": (["prediction=pred", "score=score"], {"given": KAPPA, "nearest": KAPPA}),
    "probabilities": (FIVE, {"argmax": KAPPA}),
    "the truth": (["prediction=level"], {"given": 1.0}),
}


@pytest.mark.parametrize("case", CHOSEN)
def test_a_requested_column_is_used(case, capsys):
    asked, expected = CHOSEN[case]
    put("predictions", BOTH)
    put("labels", LABELS)
    code, out, _ = outcome(capsys, "score", "predictions", "--labels", "labels", "--json", "--columns", *asked)
    assert code == 0
    output = json.loads(out)
    found = {row["rule"]: row["kappa"]["estimate"] for row in output["scores"]}
    assert {rule: found[rule] for rule in expected} == pytest.approx(expected)
    assert ("level equals the labels in every image" in " ".join(output["notes"])) == (case == "the truth")


def test_the_compared_file_has_its_own_columns_and_may_not_be_the_labels(capsys):
    put("predictions", BOTH)
    put("other", table(level=TRUTH, y_pred=PREDICTED))
    put("labels", LABELS)
    given = ("score", "predictions", "other", "--labels", "labels", "--columns", "prediction=pred")
    code, out, _ = outcome(capsys, *given)
    assert code == 0
    assert out.count(f"{KAPPA:.4f}") == 2
    assert "+0.0000" in out
    assert "other: grades are read from column 'y_pred'" in out
    put("other", LABELS)
    code, _, err = outcome(capsys, *given)
    assert (code, is_one_sentence(err)) == (2, True)
    assert "must differ from the labels in some image" in err


WRONG = {
    "an unknown role": ("grades=level", "must be one of image, grade"),
    "a role twice": ("prediction=pred", "each role once, but has prediction=pred"),
    "a column of neither": ("score=nothing", "must name a column of the file"),
    "a column of the labels for predictions": ("score=truth", "must name a column of the file"),
    "a column of predictions for the labels": ("grade=pred", "must name a column of the file"),
    "no column": ("score=", "must name a column of the file"),
    "no role": ("pred", "must be one of image, grade"),
    "one of five": ("prob_0=a", "the five probabilities must all be named"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_choice_of_columns_is_refused_in_one_sentence(case, capsys):
    asked, words = WRONG[case]
    put("predictions", BOTH)
    put("labels", LABELS.replace("level", "truth"))
    columns = ("--columns", "prediction=pred", asked)
    code, _, err = outcome(capsys, "score", "predictions", "--labels", "labels", *columns)
    assert (code, is_one_sentence(err)) == (2, True), err
    assert words in err


SHEET = (
    '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{}</sheetData></worksheet>'
)
BOMBS = {
    "a long text in many cells": with_part(
        with_part(
            xlsx([["image"]]),
            "xl/worksheets/sheet1.xml",
            SHEET.format("".join(f'<row r="{i}"><c r="A{i}" t="s"><v>0</v></c></row>' for i in range(1, 5000))),
        ),
        "xl/sharedStrings.xml",
        f'<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><si><t>{"a" * 100_000}</t></si></sst>',
    ),
    "a row many times": with_part(
        ods([["image", "level"], ["a", "b"]]),
        "content.xml",
        zipfile.ZipFile(io.BytesIO(ods([["image", "level"], ["a", "b"]])))
        .read("content.xml")
        .decode()
        .replace("<table:table-row>", '<table:table-row table:number-rows-repeated="100000">')
        .replace("<table:table-cell ", '<table:table-cell table:number-columns-repeated="100" '),
        zipfile.ZIP_STORED,
    ),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_workbook_that_repeats_what_it_stores_once_is_refused_before_it_is_read(bomb, capsys):
    put("predictions", BOMBS[bomb])
    put("labels", LABELS)
    assert len(BOMBS[bomb]) < 100_000
    code, _, err = outcome(capsys, "score", "predictions", "--labels", "labels")
    assert (code, is_one_sentence(err)) == (2, True)
    assert "of text: save the table alone as csv" in err


def test_a_workbook_that_unpacks_to_a_multiple_of_its_size_is_refused_before_it_is_read(capsys):
    put("predictions.xlsx", with_part(xlsx([["image"]]), "xl/worksheets/sheet1.xml", b" " * (64 << 20)))
    put("labels.csv", LABELS)
    assert Path("predictions.xlsx").stat().st_size < 100_000
    code, _, err = outcome(capsys, "score", "predictions.xlsx", "--labels", "labels.csv")
    assert (code, is_one_sentence(err)) == (2, True)
    assert "unpacks to more than 64 MB: save the table alone as csv" in err
