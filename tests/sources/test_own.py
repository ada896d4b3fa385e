"""A folder of photographs without declared layout: its table or its folders per grade are found and named."""

from __future__ import annotations

import pytest

from benchmark.common.errors import InputError
from benchmark.sources import csv
from tests.factories.workbooks import xlsx

WORDS = ("No DR", "Mild", "Moderate", "Severe", "Proliferative DR")
GRADES = {f"{number}_left": number % 5 for number in range(10)}
IDS = list(GRADES)
TABLE = "image,level\n" + "".join(f"{name},{grade}\n" for name, grade in GRADES.items())


def made(root, files):
    """Write texts or bytes by path; a photograph is an empty file."""
    for path, content in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content if isinstance(content, bytes) else content.encode())
    return root


def read(root, **settings):
    params = csv.Params.model_validate({"source": "csv", "name": "own", "root": str(root)} | settings)
    return list(csv.photographs(params, root, lambda *_: None))


def photographs(folder):
    return {f"{folder}/{name}.jpg": "" for name in IDS}


FLAT = photographs("images")
LAYOUTS = {
    "labels.csv": FLAT | {"labels.csv": TABLE},
    "train.csv of a contest": photographs("train_images")
    | {"train.csv": TABLE.replace("image,level", "id_code,diagnosis"), "test.csv": "id_code\nx\n"},
    "trainLabels.csv above nested folders": photographs("a/b/train")
    | {"trainLabels.csv": TABLE, "readme.csv": "a\n1\n"},
    "a workbook": FLAT | {"grades.xlsx": xlsx([["image", "level"], *([name, GRADES[name]] for name in IDS)])},
    "a table in a folder": FLAT | {"annotations/labels.csv": TABLE},
    "grades in words": FLAT | {"labels.csv": "image,label\n" + "".join(f"{n},{WORDS[g]}\n" for n, g in GRADES.items())},
    "folders per grade": {f"{grade}/{name}.jpg": "" for name, grade in GRADES.items()},
    "folders in words": {f"data/{grade}_{WORDS[grade]}/{name}.png": "" for name, grade in GRADES.items()},
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_table_and_photographs_are_found(tmp_path, layout, capsys):
    found = read(made(tmp_path, LAYOUTS[layout]))
    assert {photograph.path.stem: photograph.grade for photograph in found} == GRADES
    assert all(photograph.path.exists() for photograph in found)
    assert {photograph.patient for photograph in found} == {name.split("_")[0] for name in IDS}
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("data: 10 photographs in ")


@pytest.mark.parametrize(
    "files",
    [
        {f"{'val' if n == '3_left' else 'train'}/{WORDS[g]}/{n}.jpg": "" for n, g in GRADES.items()}
        | {"test/0/x.jpg": ""},
        FLAT
        | {"images/x.jpg": "", "train.csv": TABLE.replace("3_left,3\n", "")}
        | {"valid.csv": "image,level\n3_left,3\n", "test.csv": "image,level\nx,0\n"},
    ],
    ids=["folders", "tables"],
)
def test_splits_are_read_from_the_names_of_folders_and_tables(tmp_path, files):
    splits = {photograph.path.stem: photograph.split for photograph in read(made(tmp_path, files))}
    assert splits == dict.fromkeys(IDS, "train") | {"3_left": "val", "x": "test"}


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (FLAT, "has neither: add one, or set data.table"),
        (FLAT | {"a.csv": TABLE, "b.csv": TABLE}, "has a.csv, b.csv: choose one with data.table"),
        (FLAT | {"names.csv": "image,age\n1_left,3\n"}, "has neither"),
    ],
)
def test_a_folder_without_one_table_is_refused(tmp_path, files, words):
    with pytest.raises(InputError, match=words):
        read(made(tmp_path, files))


def test_what_is_declared_is_not_looked_for(tmp_path):
    root = made(tmp_path, FLAT | {"labels.csv": TABLE, "mine.csv": TABLE.replace(",3", ",4")})
    assert {photograph.grade for photograph in read(root, table="mine.csv")} == {0, 1, 2, 4}
    missing = read(root, images="elsewhere")
    assert not any(photograph.path.exists() for photograph in missing)


def test_no_patient_is_in_two_splits_however_photographs_and_patients_are_named(tmp_path, capsys):
    names = [f"{number}_{side}{shot}" for number in range(100, 120) for side in "lr" for shot in (1, 2)]
    root = made(
        tmp_path,
        {f"{name}.jpg": name for name in names}
        | {"labels.csv": "image,level\n" + "".join(f"{name},{int(name[2]) % 5}\n" for name in names)},
    )
    splits = {}
    for photograph in read(root):
        splits.setdefault(photograph.image_id[:3], set()).add(photograph.split)
    assert all(len(found) == 1 for found in splits.values())
    assert not capsys.readouterr().err


def test_unknown_patients_and_spellings_are_told(tmp_path, capsys):
    patients = ["PAT1", "pat1 ", *["unknown"] * 8]
    table = "image,level,patient\n" + "".join(f"{n},{GRADES[n]},{p}\n" for n, p in zip(IDS, patients, strict=True))
    found = read(made(tmp_path, FLAT | {"labels.csv": table}))
    assert [photograph.patient for photograph in found] == ["PAT1", "PAT1", *[""] * 8]
    err = capsys.readouterr().err
    assert "8 photographs whose patient is 'unknown' count as unknown" in err
    assert "1 patients are written in several ways" in err
