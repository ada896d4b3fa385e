"""The commit in records is that of the project, or unknown."""

from __future__ import annotations

import os
import subprocess

import pytest

from benchmark.runs import environment


def git(folder, *words):
    who = ("-c", "user.name=test", "-c", "user.email=test@example.org")
    subprocess.run(("git", "-C", str(folder), *who, *words), check=True, capture_output=True)


@pytest.mark.parametrize(
    ("repository", "state"),
    [
        ("none", "unknown"),
        ("without a commit", "unknown"),
        ("of a folder above", "unknown"),
        ("of another owner", "unknown"),
        ("own", "clean"),
        ("own, with a changed params.yaml", "clean"),
        ("own, with a changed file", "changed"),
    ],
)
def test_commit_and_changes_are_those_of_the_project_or_unknown(tmp_path, monkeypatch, repository, state):
    project = tmp_path / "outer" / "project"
    project.mkdir(parents=True)
    (project / "loop.py").write_text("")
    monkeypatch.setattr(environment, "PROJECT", project)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    if repository != "none":
        top = project.parent if repository == "of a folder above" else project
        git(top, "init", "-q")
        if repository != "without a commit":
            git(top, "add", "-A")
            git(top, "commit", "-qm", "state")
    if repository == "of another owner":
        monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    if "with a changed" in repository:
        (project / repository.rpartition(" ")[2].replace("file", "loop.py")).write_text("x = 1")
    commit, dirty = environment.git_state()
    assert (commit == "unknown", dirty) == {
        "unknown": (True, None),
        "clean": (False, False),
        "changed": (False, True),
    }[state]
