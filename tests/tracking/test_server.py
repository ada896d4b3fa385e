"""The store behind an MLflow server."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path
from types import SimpleNamespace

import pytest

from benchmark.common.errors import InputError
from benchmark.settings.params import Params
from benchmark.tracking import server as server_module
from benchmark.tracking.replay import sync
from benchmark.tracking.server import ui
from tests.factories.paths import ROOT
from tests.factories.tracking import Filled, client_of, content, fill, free_port, rows_of

pytestmark = pytest.mark.slow


def test_a_port_in_use_is_refused_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(InputError, match=r"must be free.*--port"):
            ui(taken.getsockname()[1])


def test_the_message_refers_to_the_ui_of_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://tracking.example")
    with pytest.raises(InputError, match="in a browser"):
        ui()


def test_the_ui_opens_the_runs_of_the_experiment(
    filled: Filled, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The address appears when the server answers, not before."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(filled.root)
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr(server_module.subprocess, "Popen", lambda *_, **__: nullcontext(SimpleNamespace(wait=int)))
    port = free_port()
    experiment = client_of(filled.root).get_experiment_by_name("fundusbench/phantom")
    assert experiment.tags["mlflow.experimentKind"] == "custom_model_development"
    assert "600 / 300 / 600 photographs" in experiment.tags["mlflow.note.content"]
    for name in (experiment.name, "not yet there"):
        with pytest.raises(SystemExit):
            ui(port, name)
    out = capfd.readouterr().out
    assert "MLflow shows" not in out
    runs = f"http://127.0.0.1:{port}/#/experiments/{experiment.experiment_id}/runs?workflowType=machine_learning"
    expected = f"MLflow shows the runs at {runs}&viewStateShareKey=arms (", f"the runs at http://127.0.0.1:{port}/ ("
    with HTTPServer(("127.0.0.1", port), SimpleHTTPRequestHandler) as server:
        monkeypatch.setattr(
            SimpleHTTPRequestHandler, "do_GET", lambda self: (self.send_response(200), self.end_headers())
        )
        threading.Thread(target=server.serve_forever, daemon=True).start()
        until = time.monotonic() + 60
        while not all(text in out for text in expected) and time.monotonic() < until:
            time.sleep(0.1)
            out += capfd.readouterr().out
        server.shutdown()
    assert all(text in out for text in expected)


def test_a_server_stores_the_same_content_as_the_database(
    project: Path, params: Params, filled: Filled, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(project, params)
    with served(project) as uri:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        report = sync(project, params)
        assert report.warning == ""
        assert content(project) == filled.held
        rows = rows_of(project)
        assert sync(project, params).runs == report.runs
        assert rows_of(project) == rows


@contextmanager
def served(root: Path) -> Iterator[str]:
    """Serve the UI of a project's store on loopback."""
    port = free_port()
    command = [sys.executable, "-c", f"from benchmark.tracking.server import ui; ui({port})"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    log = (root / "server.log").open("w")
    server = subprocess.Popen(command, cwd=root, env=environment, stdout=log, stderr=log, start_new_session=True)
    uri = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 120
        while not answers(f"{uri}/health"):
            assert time.monotonic() < deadline, (root / "server.log").read_text()
            time.sleep(0.3)
        yield uri
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(30)
        log.close()


def answers(uri: str) -> bool:
    try:
        with urllib.request.urlopen(uri, timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
