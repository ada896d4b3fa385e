"""MLflow's UI for the project's store."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
import webbrowser
from typing import TYPE_CHECKING

from benchmark.common.addresses import shown_address
from benchmark.common.errors import InputError
from benchmark.tracking.connection import ARTIFACTS, connect, tracking_uri
from benchmark.tracking.views import ARMS, PARAMETER

if TYPE_CHECKING:
    from mlflow import MlflowClient

HOST, PORT = "127.0.0.1", 5000


def ui(port: int = PORT, experiment: str = "") -> None:
    """Run an MLflow server on loopback that shows the store, and open a page of it in a browser.

    The page is that of an experiment, else MLflow's start page. Raises InputError if the port is not free, or the store
    does not answer or is a server, which has its own UI.
    """
    uri = tracking_uri()
    if uri.startswith(("http://", "https://")):
        shown = shown_address(uri)
        msg = f"the store must be local for this UI, but MLFLOW_TRACKING_URI names a server: open {shown} in a browser"
        raise InputError(msg)
    check_free(port)
    address = f"http://{HOST}:{port}/{_page(connect(uri), experiment)}"
    command = [sys.executable, "-m", "mlflow", "server", "--artifacts-destination", ARTIFACTS.absolute().as_uri()]
    command += ["--host", HOST, "--port", str(port), "--workers", "1"]
    print("starting MLflow's server, which takes some seconds", flush=True)
    threading.Thread(target=_open, args=(f"http://{HOST}:{port}/health", address), daemon=True).start()
    # Every user of the machine can read a process's arguments, but not its environment.
    with subprocess.Popen(command, env={**os.environ, "MLFLOW_BACKEND_STORE_URI": uri}) as server:
        signal.signal(signal.SIGTERM, lambda *_: server.terminate())
        sys.exit(server.wait())


def _open(health: str, address: str) -> None:
    """Wait until the server answers, print the page's address, and open it in a browser."""
    while True:
        try:
            urllib.request.urlopen(health, timeout=5).close()
            break
        except OSError:
            time.sleep(0.25)
    print(f"MLflow shows the runs at {address} (stop with Ctrl+C)", flush=True)
    # Without a display, a text browser would occupy the terminal.
    if sys.platform != "linux" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        webbrowser.open(address)


def _page(client: MlflowClient, experiment: str) -> str:
    """Return the page of an experiment's runs; MLflow's start page does not list trainings."""
    found = client.get_experiment_by_name(experiment) if experiment else None
    if found is None:
        return ""
    return f"#/experiments/{found.experiment_id}/runs?workflowType=machine_learning&{PARAMETER}={ARMS}"


def check_free(port: int) -> None:
    """Check that a port of loopback exists and is free; raises InputError."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except (OSError, OverflowError) as error:
            msg = f"port {port} must be free for the UI, but is not ({error}): choose another with --port"
            raise InputError(msg) from error
