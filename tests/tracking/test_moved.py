"""Messages about a moved project, a wrong address of the store, and a damaged run."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from benchmark.cli.main import main
from benchmark.common.errors import InputError
from benchmark.settings.params import Params
from benchmark.tracking.replay import sync
from benchmark.tracking.server import ui
from tests.factories.paths import ROOT
from tests.factories.tracking import Filled, client_of, files_of, fill, free_port, runs_of, spec_of, write_run

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("uri", ["localhost:5000", "me:secret@host:80", "htp://localhost:5000"])
def test_an_address_without_a_scheme_is_explained(
    project: Path, params: Params, monkeypatch: pytest.MonkeyPatch, uri: str
) -> None:
    fill(project, params)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    assert "write http:// before the address of a server" in sync(project, params).warning
    with pytest.raises(InputError, match="write http:// before"):
        ui()


def test_track_exits_with_2_if_nothing_was_logged(
    project: Path, params: Params, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    fill(project, params)
    shutil.copy(ROOT / "params.yaml", project)
    monkeypatch.chdir(project)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{free_port()}")
    assert main(["track"]) == 2
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert main(["track"]) == 0


def test_the_store_of_a_moved_project_is_refused_and_filled_again_after_its_removal(
    filled: Filled, params: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    moved = tmp_path / "moved here"
    shutil.copytree(filled.root, moved)
    before = contents_of(filled.root)
    write_run(moved, spec_of(params, "m2cnn", "mid", 1, code_sha256="new"))
    report = sync(moved, params)
    assert report.runs == {}
    assert f"are in {filled.root.as_uri()}/mlartifacts" in report.warning
    assert "remove mlflow.db and mlartifacts" in report.warning
    # MLflow keeps its connection to a database in this process, so the emptied project is another copy.
    emptied = tmp_path / "emptied"
    shutil.copytree(moved, emptied, ignore=shutil.ignore_patterns("mlflow.db", "mlartifacts"))
    assert sync(emptied, params).warning == ""
    assert contents_of(filled.root) == before
    client = client_of(emptied)
    assert all("predictions/val.csv" in files_of(client, run) for run in runs_of(emptied))
    assert all(run.info.artifact_uri.startswith((emptied / "mlartifacts").as_uri()) for run in runs_of(emptied))


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
