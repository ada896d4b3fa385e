"""``check`` and ``fetch`` on tables in many forms: they read and refuse the same forms as ``score``."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from pathlib import Path

import pytest
import yaml

from tests.bad_inputs.dialects import DIALECTS, NO_TABLES
from tests.bad_inputs.running import IMAGES, LABELS, TRUTH, csv, is_one_sentence, outcome, put
from tests.conftest import tiny_params
from tests.factories.eyes import write_eyes

SPLITS = ["Public"] * 6 + ["Private"] * 6
CHECK = ("check", "--source", "csv", "--root", "own", "--labels-only", "--param", "split.val=0", "split.test=0")


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def expected(truth=TRUTH) -> str:
    counts = Counter(truth)
    return f"expected={{train: {[counts[grade] for grade in range(5)]}}}"


def table(**columns: object) -> str:
    return csv({"image": IMAGES, **columns})


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_form_of_a_table_is_read_alike(dialect, capsys):
    put("own/labels.csv", DIALECTS[dialect](LABELS))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        code, out, err = outcome(capsys, *CHECK, expected())
    assert (code, err) == (0, "")
    assert re.search(r"counts +5 counts +0 ", out), out
    assert re.search(r"patients +6 patients +0 ", out), out


READ = {
    "names too long for any file": csv({"image": [f"{'x' * 300}/{image}" for image in IMAGES], "level": TRUTH}),
    "APTOS": csv({"id_code": IMAGES, "diagnosis": TRUTH}),
    "IDRiD": csv({"Image name": IMAGES, "Retinopathy grade": TRUTH, "Risk of macular edema ": [0] * 12}),
    "Messidor-2": csv({"image_id": IMAGES, "adjudicated_dr_grade": TRUTH, "adjudicated_gradable": [1] * 12}),
    "DDR": "".join(f"{image}.jpg {grade}\n" for image, grade in zip(IMAGES, TRUTH, strict=True)),
    "Windows": csv({"image": [f"photos\\{image}.jpeg" for image in IMAGES], "level": TRUTH}),
    "level and other column names": csv({"image": IMAGES, "label": [0] * 12, "level": TRUTH}),
}


@pytest.mark.parametrize("name", READ)
def test_columns_of_public_sets_are_recognised(name, capsys):
    put("own/labels.csv", READ[name])
    code, out, err = outcome(capsys, *CHECK, expected())
    assert (code, err) == (0, "")
    assert re.search(r"patients +6 patients +0 ", out), out


def test_kaggles_usage_column_is_recognised_as_the_split(capsys):
    put("own/labels.csv", csv({"image": IMAGES, "level": TRUTH, "Usage": SPLITS}))
    counts = [[part.count(grade) for grade in range(5)] for part in (TRUTH[:6], TRUTH[6:])]
    counts_param = f"expected={{val: {counts[0]}, test: {counts[1]}}}"
    assert outcome(capsys, *CHECK, counts_param)[0] == 0


FOUND = {
    "a grade outside the scale": (table(level=[5, *TRUTH[1:]]), "1_left has the label '5'"),
    "a grade in an unknown word": (table(level=["mildish", *TRUTH[1:]]), "1_left has the label 'mildish'"),
    "half a grade": (table(level=[1.5, *TRUTH[1:]]), "1_left has the label '1.5'"),
    "no grade": (table(level=["", *TRUTH[1:]]), "1_left has the label 'nothing'"),
    "a grade with thousands of digits": (table(level=["9" * 5000, *TRUTH[1:]]), "1_left has the label '999"),
    "an image twice": (LABELS + "1_left,0\n", "1_left has 2 rows"),
    "an image twice, once with extension": (LABELS + "1_left.png,0\n", "1_left has 2 rows"),
    "a patient in two splits": (table(level=TRUTH, split=["train", "test"] * 6), "patient 1 is in train and test"),
}


@pytest.mark.parametrize("fault", FOUND)
def test_defects_that_checks_detect_end_with_exit_code_1(fault, capsys):
    content, words = FOUND[fault]
    put("own/labels.csv", content)
    code, out, err = outcome(capsys, *CHECK)
    assert (code, err) == (1, "")
    assert words in out


REFUSED = {
    **NO_TABLES,
    "no image column": (csv({"eye_image": IMAGES, "level": TRUTH}), r"columns.image must name .* eye_image, level"),
    "no grade column": (csv({"image": IMAGES, "dr": TRUTH}), r"columns.level must name .* choose one of image, dr"),
    "two grades": (table(label=TRUTH, grade=[0] * 12), "may mean label or grade: set it"),
    "two patients": (table(level=TRUTH, patient_id=IMAGES, subject=TRUTH), "may mean patient_id or subject: set it"),
    "an image without a name": (LABELS + ",3\n", "each row must name its image, but .* has 1 without"),
    "an unknown split": (table(level=TRUTH, split=["dev"] * 12), "each split must be train, val, test or empty"),
    "an unknown eye": (table(level=TRUTH, laterality=["1"] * 12), r"each eye must be left, right or empty, but"),
    "an array": (b"\x93NUMPY\x01\x00", r"is an array of NumPy \(.npy\)"),
    "no header": (LABELS.split("\n", 1)[1], "columns.image must name a column .* choose one of 1_left, 0"),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_other_tables_are_refused_in_one_sentence(fault, capsys):
    content, words = REFUSED[fault]
    put("own/labels.csv", content)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        code, out, err = outcome(capsys, *CHECK)
    assert (code, out) == (2, "")
    assert is_one_sentence(err)
    assert re.search(words, err), err


ARGUMENTS = {
    "no table": ((), "own/labels.csv does not exist"),
    "a folder as table": (("--table", "own"), "own cannot be opened"),
    "a column that is not there": (("--param", "columns.split=Usage"), "columns.split must name a column"),
    "an unknown parameter": (("--param", "colums.split=Usage"), "`data.colums` is not a parameter"),
    "an unknown column's role": (("--param", "columns.splt=Usage"), "`data.columns.splt` is not a parameter"),
    "fractions that sum to 1": (
        ("--param", "split.val=0.5", "split.test=0.5"),
        "must be below 1 to leave patients for train",
    ),
    "a fraction below 0": (("--param", "split.val=-1"), "greater than or equal to 0"),
    "a fraction that is not a number": (("--param", "split.val=some"), "should be a valid number"),
    "four counts": (("--param", "expected={test: [1, 2, 3, 4]}"), "`data.expected.test"),
    "counts of no split": (("--param", "expected={dev: [1, 2, 3, 4, 5]}"), "`data.expected.dev"),
    "no value": (("--param", "root"), "--param takes key=value"),
    "no key": (("--param", "=3"), "--param takes key=value"),
    "no YAML": (("--param", "name={"), "--param takes a value in YAML"),
    "a section of a value": (("--param", "name.x=3"), "should be a valid string"),
    "a list as a name": (("--param", "name=[1]"), "should be a valid string"),
}


@pytest.mark.parametrize("fault", ARGUMENTS)
def test_a_wrong_argument_is_refused_in_one_sentence(fault, capsys):
    arguments, words = ARGUMENTS[fault]
    if "--table" in arguments or "columns.split=Usage" in arguments:
        put("own/labels.csv", LABELS)
    code, _, err = outcome(capsys, "check", "--source", "csv", "--root", "own", "--labels-only", *arguments)
    assert code == 2
    assert is_one_sentence(err)
    assert words in err


def write_params(**data: object) -> None:
    raw = tiny_params()
    raw["data"] = {"source": "csv", "name": "own", "root": "own", **data}
    raw["prepare"]["workers"] = 1
    put("params.yaml", yaml.safe_dump(raw))


@pytest.mark.parametrize("fault", ["JSON", "a row cut off", "gz cut off", "bars", "two grades", "an unknown split"])
def test_fetch_refuses_what_check_refuses(fault, capsys):
    content, words = REFUSED[fault]
    write_params()
    put("own/labels.csv", content)
    code, _, err = outcome(capsys, "fetch")
    assert code == 2
    assert is_one_sentence(err)
    assert re.search(words, err), err


def test_fetch_reports_once_that_photographs_are_in_another_folder(capsys):
    write_params(images="absent")
    write_eyes(Path("own/photos"), list(IMAGES))
    put("own/labels.csv", LABELS)
    code, _, err = outcome(capsys, "fetch")
    assert (code, is_one_sentence(err)) == (2, True)
    assert "12 are in own/photos: set data.images" in err


def test_fetch_accepts_a_table_in_another_form(capsys):
    write_params(images="photos")
    write_eyes(Path("own/photos"), list(IMAGES))
    put("own/labels.csv", DIALECTS["semicolons"](csv({"id_code": IMAGES, "diagnosis": TRUTH})))
    code, out, _ = outcome(capsys, "fetch")
    assert code == 0
    assert "data/manifest.csv: 12 images of own" in out
