"""Labels without photographs: fetch checks their table, prepare writes empty packs, and nothing is trained."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmark.common.errors import InputError
from benchmark.common.terms import SPLITS
from benchmark.data import fetch, prepare
from benchmark.data.manifest import read_manifest
from benchmark.data.packs import open_pack, pack_path
from benchmark.runs.declared import find_runs, resolve_runs
from benchmark.settings.params import Params
from tests.factories.photographs import folder_params

KAGGLE = "image,level,Usage\n10_left,0,Private\n10_right,2,Private\n2_left,4,Public\n"


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def params_of(table: str) -> Params:
    Path("labels.csv").write_text(table, encoding="utf-8")
    return folder_params("labels.csv", {"source": "labels", "name": "made"})


@pytest.mark.parametrize(
    "table",
    [
        KAGGLE,
        KAGGLE.replace(",", ";").replace("\n", "\r\n"),
        KAGGLE.replace("image,level,Usage", "id_code\tdiagnosis\tsplit").replace(",", "\t"),
    ],
)
def test_the_manifest_has_labels_without_files(table):
    fetch.run(params_of(table))
    rows = [(row.image_id, row.patient, row.eye, row.grade, row.split) for row in read_manifest()]
    assert rows == [
        ("2_left", "2", "left", 4, "val"),
        ("10_left", "10", "left", 0, "test"),
        ("10_right", "10", "right", 2, "test"),
    ]
    assert {(row.path, row.sha256, row.width, row.height) for row in read_manifest()} == {("", "", 0, 0)}


def test_checks_of_photographs_are_skipped_and_say_so(capsys):
    fetch.run(params_of(KAGGLE))
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line}
    assert "not checked" not in lines["ids"] + lines["labels"] + lines["patients"]
    for name in ("readable", "identical", "near", "shortcut"):
        assert "not checked: no file was opened" in lines[name]


def test_a_patient_in_two_splits_is_found(capsys):
    fetch.run(params_of(KAGGLE.replace("10_left,0,Private", "10_left,0,Public")))
    assert "patient 10 is in val and test" in capsys.readouterr().out


@pytest.mark.parametrize("table", ["image,level\n1_left,0\n", "image,level,split\n1_left,0,\n"])
def test_labels_without_a_split_are_refused(table):
    with pytest.raises(InputError, match=r"must have a split .* labels.csv has none for 1_left: add a column `split`"):
        fetch.run(params_of(table))


def test_labels_of_test_alone_are_refused():
    with pytest.raises(InputError, match=r"images of val and of test, .* has none of val: .*`fundusbench score`"):
        fetch.run(params_of("image,level,split\n1_left,0,test\n"))


def test_packs_are_empty_and_nothing_is_trained(caplog):
    params = params_of(KAGGLE)
    fetch.run(params)
    prepare.run(params)
    assert [len(open_pack(pack_path(split, "plain/small"))) for split in SPLITS] == [0, 0, 0]
    assert resolve_runs(params, read_manifest()) == []
    assert not list(find_runs(params))
    assert not caplog.records  # No run is missing.
