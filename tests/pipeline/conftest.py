"""One small finished pipeline, which all tests share."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from filelock import FileLock

from tests.conftest import WORKER
from tests.made.project import Project


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project whose whole pipeline ran: once on this machine, for all workers, who leave it as it is."""
    own = tmp_path_factory.getbasetemp()
    root = (own.parent if WORKER else own) / "finished"
    done = root.with_suffix(".done")
    with FileLock(root.with_suffix(".lock")):
        if not done.exists():
            shutil.rmtree(root, ignore_errors=True)
            Project.make(root).repro()
            done.touch()
    return Project(root)


@pytest.fixture
def project(finished: Project, tmp_path: Path) -> Project:
    """A copy of its own of the finished project."""
    return finished.copy(tmp_path)


@pytest.fixture
def clone(tmp_path: Path) -> Project:
    """A project in which nothing ran yet."""
    return Project.make(tmp_path)
