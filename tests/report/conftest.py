"""Finished projects with made-up runs: each kind made once, and read by every test that does not change it."""

from __future__ import annotations

import shutil
from contextlib import chdir

import pytest

from benchmark.report.inputs import Inputs
from tests.made.runs import make_all, make_params, settle


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """Every test starts in an empty folder of its own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """Folder and parameters of a project whose declared runs, but those skipped, are trained and evaluated."""
    made = {}

    def find(skip=(), flags=None, **declared):
        key = repr((sorted(skip), flags, declared))
        if key not in made:
            folder, params = tmp_path_factory.mktemp("finished"), make_params(**declared)
            with chdir(folder):
                make_all(params, skip, flags)
                settle(params)
            made[key] = folder, params
        return made[key]

    return find


@pytest.fixture
def read(finished, monkeypatch):
    """Work in a finished project that other tests read, too; returns what its report is made of."""

    def enter(**wanted):
        folder, params = finished(**wanted)
        monkeypatch.chdir(folder)
        return Inputs(params)

    return enter


@pytest.fixture
def change(finished, here):
    """Work in a copy of a finished project, which the test may change; returns what its report is made of."""

    def enter(**wanted):
        folder, params = finished(**wanted)
        shutil.copytree(folder, here, dirs_exist_ok=True)
        return Inputs(params)

    return enter
