"""MLflow's own UI over the project's store."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

from benchmark.common.errors import InputError
from benchmark.tracking.connection import ARTIFACTS, masked, no_address, quieten, tracking_uri
from benchmark.tracking.relocation import relocate
from benchmark.tracking.views import ARMS, PARAMETER

HOST, PORT = "127.0.0.1", 5000
_OPEN = """
import sys, time, urllib.request, webbrowser
for _ in range(240):
    try:
        urllib.request.urlopen(sys.argv[1], timeout=5).close()
        break
    except OSError:
        time.sleep(0.25)
webbrowser.open(sys.argv[2])
"""
"""Waits for the server and opens the page."""


def ui(port: int = PORT, experiment: str = "") -> None:
    """Replace this process by an MLflow server on loopback that shows the store, and open it in a browser.

    Args:
        port: on loopback.
        experiment: whose runs are shown first, where it exists.

    Raises:
        InputError: the port is taken, or the store is a server, which has a UI of its own.
    """
    uri = tracking_uri()
    if uri.startswith(("http://", "https://")):
        msg = f"the UI shows a local store, but MLFLOW_TRACKING_URI names a server: open {uri} in a browser"
        raise InputError(msg)
    if wrong := no_address(uri):
        raise InputError(masked(wrong))
    check_free(port)
    quieten()
    relocate(Path())
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", uri]
    command += ["--artifacts-destination", str(ARTIFACTS.absolute())]
    command += ["--host", HOST, "--port", str(port), "--workers", "1"]
    address = f"http://{HOST}:{port}/{_page(uri, experiment)}"
    print(f"MLflow shows the runs at {address} (stop with Ctrl+C)", flush=True)
    if _has_display():
        subprocess.Popen([sys.executable, "-c", _OPEN, f"http://{HOST}:{port}/health", address], start_new_session=True)
    os.execv(sys.executable, command)


def _has_display() -> bool:
    """Whether a browser has where to draw; without, a text browser would take the terminal."""
    return sys.platform != "linux" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _page(uri: str, experiment: str) -> str:
    """The page of an experiment's runs: without it the UI greets with an overview that knows no training."""
    from mlflow import MlflowClient

    found = MlflowClient(uri).get_experiment_by_name(experiment) if experiment else None
    if found is None:
        return ""
    return f"#/experiments/{found.experiment_id}/runs?workflowType=machine_learning&{PARAMETER}={ARMS}"


def check_free(port: int) -> None:
    """Refuse a port of loopback that another process has."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except (OSError, OverflowError) as error:
            msg = f"port {port} must be free to serve the UI, but is not ({error}): choose another with --port"
            raise InputError(msg) from error
