"""Finished projects with made-up runs: each kind made once, and read by every test that does not change it."""

from __future__ import annotations

import hashlib
import shutil
from contextlib import chdir

import pytest

from benchmark.report.inputs import Inputs
from tests.factories.runs import make_all, make_params, settle


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """Every test starts in an empty folder of its own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def finished(shared_folder):
    """Folder and parameters of a project whose declared runs, but those skipped, are trained and evaluated."""

    def find(skip=(), flags=None, **declared):
        params = make_params(**declared)

        def fill(folder):
            with chdir(folder):
                make_all(params, skip, flags)
                settle(params)

        key = hashlib.sha256(repr((sorted(skip), flags, declared)).encode()).hexdigest()[:16]
        return shared_folder(f"report-{key}", fill), params

    return find


@pytest.fixture
def read(finished, monkeypatch):
    """Work in a shared finished project, which must not be changed; return the inputs of its report."""

    def enter(**wanted):
        folder, params = finished(**wanted)
        monkeypatch.chdir(folder)
        return Inputs(params)

    return enter


@pytest.fixture
def change(finished, here):
    """Work in a copy of a finished project, which the test may change; return the inputs of its report."""

    def enter(**wanted):
        folder, params = finished(**wanted)
        shutil.copytree(folder, here, dirs_exist_ok=True)
        return Inputs(params)

    return enter
