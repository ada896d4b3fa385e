"""``verify --against`` on damaged tables and on a folder without tables."""

from __future__ import annotations

import re
import subprocess

import pytest

from tests.bad_inputs.running import is_one_sentence, outcome, put

TABLE = "reports/tables/comparison.csv"
GOOD = "table,row,step,column,estimate,sd,seeds\ncomparison,M2CNN,,val set,0.812345,0.012345,0 1 2\n"
DAMAGED = {
    "noise": (b"\xff\xfe\0", "must be readable text in UTF-8"),
    "cut off in a letter": (GOOD.encode() + "é".encode()[:1], "must be readable text in UTF-8"),
    "a number that is none": (GOOD.replace("0.", "x."), "must be numbers, but a table has 'x."),
}
PLACES = {
    "no table here": ({}, "other", "has none: run `dvc repro` there first"),
    "no table there": ({TABLE: GOOD, "other/x": ""}, "other", "has none: run `dvc repro` there first"),
    "no such place": ({TABLE: GOOD}, "nowhere", "takes a folder with reports/tables/, or a revision"),
    "a file": ({TABLE: GOOD, "file": ""}, "file", "takes a folder with reports/tables/, or a revision"),
    "no name": ({TABLE: GOOD}, "", "an empty name"),
}


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("sides", [(TABLE, f"other/{TABLE}"), (f"other/{TABLE}", TABLE)])
@pytest.mark.parametrize("fault", DAMAGED)
def test_a_damaged_table_on_either_side_is_refused_in_one_sentence(fault, sides, capsys):
    content, words = DAMAGED[fault]
    put(sides[0], content)
    put(sides[1], GOOD)
    code, _, err = outcome(capsys, "verify", "--against", "other")
    assert (code, is_one_sentence(err)) == (2, True), err
    assert words in err


@pytest.mark.parametrize("case", PLACES)
def test_a_folder_without_tables_is_refused_in_one_sentence(case, capsys):
    files, where, words = PLACES[case]
    for name, content in files.items():
        put(name, content)
    code, _, err = outcome(capsys, "verify", "--against", where)
    assert (code, is_one_sentence(err)) == (2, True), err
    assert re.search(words, err), err


def test_a_folder_in_place_of_a_table_is_refused_in_one_sentence(capsys):
    put(f"{TABLE}/x", "")
    code, _, err = outcome(capsys, "verify", "--against", ".")
    assert (code, is_one_sentence(err)) == (2, True)
    assert "Is a directory" in err


@pytest.mark.slow
@pytest.mark.parametrize(
    "lock", ["schema: '2.0'\nstages:\n  fetch:\n    cm", "schema: '2.0'\nstages:\n  fetch:\n    deps:\n"]
)
def test_a_damaged_lock_of_a_revision_is_refused_in_one_sentence(lock, capsys):
    put(TABLE, GOOD)
    put("dvc.yaml", f"stages:\n  fetch:\n    cmd: 'true'\n    outs: [{TABLE}]\n")
    put("dvc.lock", lock)
    for command in ("git init -q", "dvc init -q", "git add -f ."):
        subprocess.run(command.split(), check=True)
    subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qm", "x"], check=True)
    code, _, err = outcome(capsys, "verify", "--against", "HEAD")
    assert (code, is_one_sentence(err)) == (2, True), err
    assert "remove dvc.lock there, run `dvc repro`" in err


@pytest.mark.slow
def test_a_repository_of_another_user_is_refused_until_the_advised_setting_allows_it(tmp_path, monkeypatch, capsys):
    put(TABLE, GOOD)
    for command in ("init -q", "add -A", "-c user.name=t -c user.email=t@example.org commit -qm state"):
        subprocess.run(["git", *command.split()], check=True)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "config"))
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    code, _, err = outcome(capsys, "verify", "--against", "HEAD")
    assert (code, is_one_sentence(err)) == (2, True), err
    fix = re.search("`(git config .*)`", err)
    assert fix
    subprocess.run(fix[1].split(), check=True)
    _, _, err = outcome(capsys, "verify", "--against", "HEAD")
    assert "git refuses" not in err
