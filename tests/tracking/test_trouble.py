"""A failing store causes one warning and never stops the pipeline."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmark.settings.params import Params
from benchmark.tracking.connection import tracking_uri
from benchmark.tracking.replay import sync
from tests.factories.tracking import fill, free_port

pytestmark = pytest.mark.slow


def test_an_unreachable_server_causes_one_warning_within_seconds(
    project: Path, params: Params, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fill(project, params)
    uri = f"http://127.0.0.1:{free_port()}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    began = time.monotonic()
    report = sync(project, params)
    assert time.monotonic() - began < 30
    assert report.runs == {}
    assert uri in report.warning
    assert "fundusbench track" in report.warning
    assert [record.getMessage() for record in caplog.records] == [f"warning: {report.warning}"]


@pytest.mark.parametrize(
    "uri",
    [
        "nonsense://x",
        "http://127.0.0.1:nan",
        "http://",
        "sqlite:////proc/none/mlflow.db",
        "postgresql://me:secret@127.0.0.1:1/x",
        "sqlite:///{project}/run.txt",
    ],
)
def test_a_bad_address_causes_one_warning_without_its_password(
    project: Path, params: Params, monkeypatch: pytest.MonkeyPatch, uri: str
) -> None:
    fill(project, params)
    (project / "run.txt").write_text("no database, but long enough to be looked at " * 9)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri.format(project=project))
    began = time.monotonic()
    report = sync(project, params)
    assert time.monotonic() - began < 30
    assert report.warning
    assert "secret" not in report.warning
    assert "\n" not in report.warning


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n<html></html>",
        b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n",
        None,
    ],
    ids=["error", "not MLflow", "unauthorized", "hangs"],
)
def test_a_server_that_fails_or_hangs_causes_one_warning(
    project: Path, params: Params, monkeypatch: pytest.MonkeyPatch, answer: bytes | None
) -> None:
    fill(project, params)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    with broken_server(answer) as uri:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        began = time.monotonic()
        assert uri in sync(project, params).warning
        assert time.monotonic() - began < 30


@contextmanager
def broken_server(answer: bytes | None) -> Iterator[str]:
    """Serve the same response to every request; None accepts connections and never responds."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        kept = []

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                kept.append(connection)
                if answer:
                    connection.recv(65536)
                    connection.sendall(answer)
                    connection.close()

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)


def test_the_users_settings_take_precedence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://tracking.example")
    assert tracking_uri(tmp_path) == "http://tracking.example"
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert tracking_uri(tmp_path) == f"sqlite:///{tmp_path}/mlflow.db"
