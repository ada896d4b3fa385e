"""What a store is told where it was moved, its address is wrong, or a run in it is damaged."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from benchmark.cli.main import main
from benchmark.common.errors import InputError
from benchmark.settings.params import Params
from benchmark.tracking.replay import sync
from benchmark.tracking.server import ui
from tests.made.paths import ROOT
from tests.made.tracking import Filled, client_of, files_of, fill, free_port, runs_of, spec_of, write_run


@pytest.mark.parametrize("uri", ["localhost:5000", "me:secret@host:80", "htp://localhost:5000"])
def test_an_address_without_its_beginning_gets_its_own_sentence(
    project: Path, params: Params, monkeypatch: pytest.MonkeyPatch, uri: str
) -> None:
    fill(project, params)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    assert "write http:// before a server's address" in sync(project, params).warning
    with pytest.raises(InputError, match="write http:// before"):
        ui()


def test_track_ends_with_2_where_nothing_was_logged(
    project: Path, params: Params, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    fill(project, params)
    shutil.copy(ROOT / "params.yaml", project)
    monkeypatch.chdir(project)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{free_port()}")
    assert main(["track"]) == 2
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert main(["track"]) == 0


def test_a_project_that_was_moved_keeps_its_artifacts_beside_it(
    filled: Filled, params: Params, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    moved = tmp_path / "moved here"
    shutil.copytree(filled.root, moved)
    before = contents_of(filled.root)
    write_run(moved, spec_of(params, "m2cnn", "mid", 1, code_sha256="new"))
    report = sync(moved, params)
    assert (report.warning, report.created > 0) == ("", True)
    assert [record.getMessage() for record in caplog.records] == [
        f"warning: MLflow had this project's artifacts in {filled.root}/mlartifacts, and has them in "
        f"{moved}/mlartifacts now"
    ]
    assert contents_of(filled.root) == before
    client = client_of(moved)
    assert all("predictions/val.csv" in files_of(client, run) for run in runs_of(moved))
    assert all(run.info.artifact_uri.startswith((moved / "mlartifacts").as_uri()) for run in runs_of(moved))
    caplog.clear()
    assert sync(moved, params).created == 0
    assert not caplog.records


def test_a_store_that_was_copied_without_its_artifacts_says_where_they_are(
    filled: Filled, params: Params, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    shutil.copytree(filled.root, tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("mlartifacts"))
    sync(tmp_path, params)
    assert f"copy them from {filled.root}/mlartifacts" in caplog.text


@pytest.mark.parametrize("name", ["history.csv", "run.json"])
@pytest.mark.parametrize("content", [b"\x00\xff" * 40, b"epoch,images\n1,x\n", b"{}"])
def test_a_damaged_run_is_named(project: Path, params: Params, name: str, content: bytes) -> None:
    fill(project, params)
    (project / "runs/m2cnn/mid/0" / name).write_bytes(content)
    if content != b"{}" or name == "run.json":
        with pytest.raises(InputError, match=r"runs/m2cnn/mid/0.* (again|version)"):
            sync(project, params)


def contents_of(root: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}
