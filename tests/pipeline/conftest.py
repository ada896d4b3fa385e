"""One small finished pipeline, which all tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.made.project import Project


@pytest.fixture(scope="session")
def finished(shared_folder) -> Project:
    """A project whose whole pipeline ran, which tests leave as it is."""
    return Project(shared_folder("pipeline", lambda root: Project.make(root).repro()))


@pytest.fixture
def project(finished: Project, tmp_path: Path) -> Project:
    """A copy of its own of the finished project."""
    return finished.copy(tmp_path / "project")


@pytest.fixture
def clone(tmp_path: Path) -> Project:
    """A project in which nothing ran yet."""
    return Project.make(tmp_path / "clone")
