"""Stores in folders with awkward names, and damaged stores, which the advised fix repairs."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmark.common.errors import InputError
from benchmark.settings.params import Params
from benchmark.tracking import server
from benchmark.tracking.replay import sync
from tests.factories.tracking import Filled, client_of, files_of, fill, runs_of

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", ["%41 50%?b", "a#b", "-a b", "ä@é"])
def test_a_project_may_have_any_name(
    tmp_path: Path, empty_database: Path, params: Params, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    root = tmp_path / name
    root.mkdir()
    shutil.copy(empty_database, root / "mlflow.db")
    monkeypatch.chdir(root)
    fill(root, params)
    assert sync(root, params).warning == ""
    assert sync(root, params).warning == ""
    client = client_of(root)
    assert len(runs_of(root)) == 3
    assert all("predictions/val.csv" in files_of(client, run) for run in runs_of(root))
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert list((root / "mlartifacts").rglob("val.csv"))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:20_000])


def text(path: Path) -> None:
    path.write_text("no database, but long enough to be looked at " * 90)


def of_another_version(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("UPDATE alembic_version SET version_num = 'of_tomorrow'")


@pytest.mark.parametrize("damage", [cut, text, of_another_version])
def test_a_damaged_store_is_filled_again_after_its_removal(
    filled: Filled, params: Params, tmp_path: Path, damage: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    shutil.copytree(filled.root, tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("mlartifacts"))
    damage(tmp_path / "mlflow.db")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"remove mlflow.db and mlartifacts, then run `fundusbench track`"):
        server.ui(port=0)
    assert "remove mlflow.db and mlartifacts" in sync(tmp_path, params).warning
    # MLflow keeps its connection to a database in this process, so the emptied project is a copy.
    emptied = tmp_path / "emptied"
    shutil.copytree(filled.root, emptied, ignore=shutil.ignore_patterns("mlflow.db", "mlartifacts"))
    report = sync(emptied, params)
    assert (report.warning, report.runs.keys()) == ("", filled.report.runs.keys())


@pytest.mark.parametrize("uri", ["./mlruns", "mlruns", "file:mlruns", "file:///tmp/mlruns"])
def test_folders_of_runs_are_refused_in_one_sentence(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    with pytest.raises(InputError, match=r"sqlite:///FILE for a file"):
        server.ui(port=0)


@pytest.mark.parametrize("uri", ["postgresql://bench@127.0.0.1:1/x", "postgresql://bench@192.0.2.1/x"])
def test_the_ui_refuses_a_database_that_does_not_answer_within_seconds(
    uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setattr(server.subprocess, "Popen", lambda *_, **__: pytest.fail("the server was started"))
    with pytest.raises(InputError, match="the store must answer, but does not"):
        server.ui(port=0)
