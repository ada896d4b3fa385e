"""One small finished pipeline that all tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.factories.project import Project


@pytest.fixture(scope="session")
def finished(shared_folder) -> Project:
    """A project in which the whole pipeline has run; tests must not change it."""
    return Project(shared_folder("pipeline", lambda root: Project.make(root).repro()))


@pytest.fixture
def project(finished: Project, tmp_path: Path) -> Project:
    """A copy of the finished project for one test."""
    return finished.copy(tmp_path / "project")


@pytest.fixture
def clone(tmp_path: Path) -> Project:
    """A project in which nothing has run yet."""
    return Project.make(tmp_path / "clone")
