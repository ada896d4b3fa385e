"""The command ``check``: its input, with and without params.yaml, and its exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import yaml

from benchmark.cli.main import main
from tests.conftest import ROOT, tiny_params
from tests.factories.eyes import encoded, eye, write_eyes
from tests.factories.photographs import write_table
from tests.factories.sets import WRITE

pytestmark = pytest.mark.slow

NAMES = [f"{patient}_{side}" for patient in range(4) for side in ("left", "right")]
DATA = ROOT / "../shared/data"


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def make(grade: int = 1, copy: bool = False) -> None:
    write_eyes(Path("own"), NAMES)
    if copy:
        Path("own/0_left.jpeg").write_bytes(Path("own/3_left.jpeg").read_bytes())
    splits = ["train"] * 4 + ["val"] * 2 + ["test"] * 2
    write_table(
        Path("own"),
        [{"image": name, "level": grade, "split": split} for name, split in zip(NAMES, splits, strict=True)],
    )


def test_a_clean_copy_ends_with_zero_and_needs_no_parameters(capsys):
    make()
    assert main(["check", "--source", "csv", "--root", "own"]) == 0
    assert "stops the pipeline: nothing" in capsys.readouterr().out


def test_a_warning_ends_with_zero_and_a_stop_with_one(capsys):
    make(copy=True)
    assert main(["check", "--source", "csv", "--root", "own", "--out", "found"]) == 0
    assert "0_left (train, grade 1) and 3_left (test, grade 1) have the same pixels" in capsys.readouterr().out
    table = pd.read_csv("found/checks.csv")
    assert table.query("issue > 0")["files"].tolist() == ["own/0_left.jpeg | own/3_left.jpeg"]
    assert "| identical | no pixels recur" in Path("found/checks.md").read_text()
    make(grade=5)
    assert main(["check", "--source", "csv", "--root", "own"]) == 1
    assert "stops the pipeline: labels" in capsys.readouterr().out
    assert main(["check", "--source", "csv", "--root", "own", "--json"]) == 1
    output = json.loads(capsys.readouterr().out)
    assert output["stopping"] == ["labels"]
    assert {row["check"] for row in output["issues"] if row["issue"] and row["policy"] == "stop"} == {"labels"}


def test_two_checks_in_one_folder_at_once_both_end_as_one_alone_does():
    names = [f"{patient}_{side}" for patient in range(12) for side in ("left", "right")]
    write_eyes(Path("own"), names)
    write_table(Path("own"), [{"image": name, "level": 1} for name in names])
    command = [sys.executable, "-m", "benchmark.cli", "check", "--source", "csv", "--root", "own", "--out"]
    settings = {"env": os.environ | {"PYTHONPATH": str(ROOT)}, "stderr": subprocess.PIPE, "text": True}
    checks = [subprocess.Popen([*command, out], **settings) for out in ("first", "second")]
    said = [check.communicate()[1] for check in checks]
    assert [check.returncode for check in checks] == [0, 0], said
    assert not any("locked" in err or "Traceback" in err for err in said)
    assert main([*command[3:], "alone"]) == 0
    assert len({Path(f"{out}/checks.csv").read_bytes() for out in ("first", "second", "alone")}) == 1


def spoil(name: str, data: bytes) -> None:
    Path(f"own/{name}.jpeg").write_bytes(data)


def page() -> np.ndarray:
    """A printed letter."""
    paper = np.full((300, 400, 3), 245, np.uint8)
    for line in range(8):
        cv2.putText(paper, "referred with thanks", (20, 40 + 30 * line), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (0, 0, 0), 2)
    return paper


DEFECTS: dict[str, tuple[str, Callable[[], None]]] = {
    "readable": ("0_left", lambda: spoil("0_left", encoded(eye(0))[:5000])),
    "black": ("0_left", lambda: spoil("0_left", encoded((eye(0) * 0.05).astype(np.uint8)))),
    "tiny": ("0_left", lambda: spoil("0_left", encoded(eye(0, 60, 52)))),
    "fundus": ("0_left", lambda: spoil("0_left", encoded(page()))),
    "identical": ("0_left | 3_left", lambda: spoil("0_left", encoded(eye(6)))),
    "near": ("0_left | 3_left", lambda: spoil("0_left", encoded(np.ascontiguousarray(eye(6)[:, ::-1]), quality=50))),
}
"""Per check that opens files: a defect planted in a file, and the images that its issue names."""


@pytest.mark.parametrize("check", DEFECTS)
def test_a_defect_planted_in_a_file_is_found_by_its_check_alone(check):
    make()
    images, plant = DEFECTS[check]
    plant()
    main(["check", "--source", "csv", "--root", "own", "--out", "found"])
    table = pd.read_csv("found/checks.csv").query("issue > 0")
    assert list(zip(table["check"], table["images"], strict=True)) == [(check, images)]


def test_the_table_may_lie_elsewhere_and_have_other_columns():
    write_eyes(Path("own"), NAMES)
    write_table(Path("tables"), [{"image": name, "grade": 1, "Usage": "Public"} for name in NAMES], "t.csv")
    columns = ["columns.level=grade", "columns.split=Usage"]
    command = ["check", "--source", "csv", "--root", "own", "--param", *columns, "--param", "name=mine"]
    assert main([*command, "--table", "tables/t.csv"]) == 0
    assert main([*command, "--table", str(Path("tables/t.csv").resolve())]) == 0


def test_an_empty_value_sets_a_parameter_to_empty_text(capsys):
    WRITE["messidor2"](Path("copy"))
    Path("copy/messidor-2.csv").unlink()
    # The copy is smaller than the published set, so the check `counts` stops.
    assert main(["check", "--source", "messidor2", "--root", "copy", "--param", "pairs=", "--labels-only"]) == 1
    assert "not checked: no patient is known" in capsys.readouterr().out


def test_labels_alone_are_checked_without_photographs(capsys):
    write_table(Path("own"), [{"image": name, "level": 1} for name in NAMES])
    assert main(["check", "--source", "csv", "--root", "own"]) == 2
    assert "none of 8 is, for instance own/0_left: no photograph with such a name" in capsys.readouterr().err
    assert main(["check", "--source", "csv", "--root", "own", "--labels-only"]) == 0
    assert capsys.readouterr().out.count("not checked: no file was opened") == 8


def test_paths_may_be_written_as_windows_does():
    write_eyes(Path("own/photos"), NAMES)
    write_table(Path("own"), [{"image": f"photos\\{image}", "level": 1} for image in NAMES])
    assert main(["check", "--source", "csv", "--root", "own"]) == 0


@pytest.mark.parametrize("name", ["{}", "{}.png", "C:\\eyes\\{}.jpeg", "test/{}"])
def test_photographs_that_lie_elsewhere_are_found_or_said_once_with_their_folder(capsys, name):
    write_eyes(Path("own/photos"), NAMES)
    write_table(Path("own"), [{"image": name.format(image), "level": 1} for image in NAMES])
    assert main(["check", "--source", "csv", "--root", "own"]) == 0
    assert "data: 8 photographs in own/photos, labels of own/labels.csv" in capsys.readouterr().out
    assert main(["check", "--source", "csv", "--root", "own", "--param", "images=absent"]) == 2
    said = capsys.readouterr().err
    assert "none of 8 is, for instance own/" in said
    assert "8 are in own/photos: set data.images" in said


def test_without_a_source_it_checks_the_profile(capsys):
    assert main(["check"]) == 2
    raw = tiny_params()
    raw["data"] |= {"patients": {"train": 3, "val": 2, "test": 2}}
    raw["prepare"]["workers"] = 1
    (Path.cwd() / "params.yaml").write_text(yaml.safe_dump(raw))
    assert main(["check"]) == 0
    assert "14 photographs" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--root", "x"], "--root must go with --source"),
        (["--source", "nothing"], "data.source must be one of"),
        (["--source", "csv", "--root", "nowhere"], "nowhere/labels.csv does not exist"),
        (["--source", "csv", "--root", "own", "--table", "none.csv"], "none.csv does not exist"),
        (["--source", "csv", "--param", "rooot=3"], "`data.rooot` is not a parameter"),
        (["--source", "csv", "--param", "root"], "--param takes key=value"),
        (["--source", "csv", "--param", "table.x=3"], "`data.table` should be a valid string"),
        (["--source", "csv", "--param", "table={"], "--param takes a value in YAML"),
    ],
)
def test_wrong_arguments_are_one_sentence(arguments, words, capsys):
    assert main(["check", *arguments]) == 2
    said = capsys.readouterr().err
    assert words in said
    assert "Traceback" not in said


@pytest.mark.nightly
def test_eyepacs_labels_are_whole(capsys):
    """35,126 labels of Kaggle's train set, and 53,576 of its test set, by the counts published for them."""
    tables = DATA / "eyepacs_labels"
    if not tables.exists():
        pytest.skip("EyePACS' labels are not at ../shared/data/eyepacs_labels")
    command = ["check", "--source", "csv", "--root", str(tables), "--labels-only", "--table"]
    assert main([*command, str(tables / "trainLabels.csv")]) == 0
    expected = "expected={val: [8130, 720, 1579, 237, 240], test: [31403, 3042, 6282, 977, 966]}"
    solution = str(tables / "retinopathy_solution.csv")
    assert main([*command, solution, "--param", "columns.split=Usage", expected]) == 0
    out = capsys.readouterr().out
    assert "10 counts         0  stop" in out
    assert "26788 patients         0  stop" in out


def test_columns_are_named_as_for_score(capsys):
    rows = [{"photo": name, "dr": 1, "level": 9, "eye": "?up"} for name in NAMES]
    write_table(Path("own"), rows)
    given = ["check", "--source", "csv", "--root", "own", "--labels-only", "--columns"]
    assert main([*given, "image=photo", "grade=dr", "eye="]) == 0
    assert "(image from `photo`, level from `dr`, " in capsys.readouterr().out
    assert main([*given, "side=eye"]) == 2
    assert "a role among image, grade, split, patient, eye, but got 'side=eye'" in capsys.readouterr().err
