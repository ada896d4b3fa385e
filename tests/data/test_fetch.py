"""The stage fetch: its manifest describes every file, and its summary counts images, patients and grades."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from benchmark.common.errors import InputError
from benchmark.data import fetch
from benchmark.data.manifest import read_manifest
from benchmark.settings.checks import default_policies
from benchmark.sources.registry import Photograph
from tests.factories.photographs import folder_params, write_folder, write_photograph, write_table


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_the_manifest_describes_every_file(capsys):
    ids = write_folder(Path("photos"))
    fetch.run(folder_params("photos"))
    rows = {row.image_id: row for row in read_manifest()}
    assert sorted(rows) == sorted(ids)
    row = rows["3_right"]
    assert (row.path, row.patient, row.eye, row.grade, row.source) == ("photos/3_right.jpeg", "3", "right", 3, "made")
    assert (row.width, row.height) == (96, 64)
    assert row.sha256 == hashlib.sha256(Path(row.path).read_bytes()).hexdigest()
    assert Path("data/photographs").is_dir()
    assert "24 images of made" in capsys.readouterr().out


def test_the_same_data_gives_the_same_bytes():
    write_folder(Path("photos"))
    fetch.run(folder_params("photos"))
    first = Path("data/manifest.csv").read_bytes()
    fetch.run(folder_params("photos"))
    assert Path("data/manifest.csv").read_bytes() == first


def test_an_unreadable_file_has_a_hash_but_no_size():
    write_table(Path("photos"), [{"image": "x", "level": 0}])
    Path("photos/x.jpg").write_text("no image")
    fetch.run(folder_params("photos"))
    (row,) = read_manifest()
    assert (row.width, row.height) == (0, 0)
    assert row.sha256 == hashlib.sha256(b"no image").hexdigest()


def test_the_summary_counts_images_patients_and_grades(capsys):
    table = [
        {"image": "1_left", "level": 0, "split": "train"},
        {"image": "1_right", "level": 4, "split": "train"},
        {"image": "2_left", "level": 4, "split": "val"},
        {"image": "odd", "level": 2, "split": "test"},
    ]
    for seed, row in enumerate(table):
        write_photograph(Path(f"photos/{row['image']}.png"), seed)
    write_table(Path("photos"), table)
    fetch.run(folder_params("photos"))
    lines = [line.split() for line in capsys.readouterr().out.splitlines()[-3:]]
    assert lines == [
        ["train", "2", "1", "1", "0", "0", "0", "1"],
        ["val", "1", "1", "0", "0", "0", "0", "1"],
        ["test", "1", "unknown", "0", "0", "1", "0", "0"],
    ]


def test_a_missing_file_is_refused_in_one_sentence(monkeypatch):
    write_folder(Path("photos"), patients=1)
    lost = Photograph("gone", Path("photos/gone.jpg"), 0, "train")
    there = Photograph("0_left", Path("photos/0_left.jpeg"), 0, "train")
    monkeypatch.setattr("benchmark.sources.csv.photographs", lambda *_: iter([lost, there]))
    with pytest.raises(InputError, match=r"gone \(train, grade 0\) cannot be read: photos/gone.jpg: No such file"):
        fetch.run(folder_params("photos").model_copy(update={"checks": default_policies()}))
