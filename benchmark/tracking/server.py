"""MLflow's UI for the project's store."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

from benchmark.common.addresses import shown_address
from benchmark.common.errors import InputError
from benchmark.tracking.connection import ARTIFACTS, connect, tracking_uri
from benchmark.tracking.views import ARMS, PARAMETER

if TYPE_CHECKING:
    from mlflow import MlflowClient

HOST, PORT = "127.0.0.1", 5000
_OPEN = """
import os, sys, time, urllib.request, webbrowser
while os.getppid() == int(sys.argv[4]):
    try:
        urllib.request.urlopen(sys.argv[1], timeout=5).close()
        break
    except OSError:
        time.sleep(0.25)
else:
    sys.exit()
print(f"MLflow shows the runs at {sys.argv[2]} (stop with Ctrl+C)", flush=True)
if sys.argv[3]:
    webbrowser.open(sys.argv[2])
"""
"""Script that waits until the server answers or ends, prints the page's address, and opens it in a browser."""


def ui(port: int = PORT, experiment: str = "") -> None:
    """Replace this process by an MLflow server on loopback that shows the store, and open it in a browser.

    Args:
        port: port on loopback.
        experiment: the experiment to open; MLflow's start page if it does not exist.

    Raises:
        InputError: the port is not free, the store does not answer, or it is a server, which has its own UI.
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
    # Without a display, a text browser would occupy the terminal.
    display = sys.platform != "linux" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    script = [
        sys.executable,
        "-c",
        _OPEN,
        f"http://{HOST}:{port}/health",
        address,
        "open" if display else "",
        str(os.getpid()),
    ]
    subprocess.Popen(script, start_new_session=True)
    # Every user of the machine can read a process's arguments, but not its environment.
    os.execve(sys.executable, command, {**os.environ, "MLFLOW_BACKEND_STORE_URI": uri})


def _page(client: MlflowClient, experiment: str) -> str:
    """Return the page of an experiment's runs; MLflow's start page does not list trainings."""
    found = client.get_experiment_by_name(experiment) if experiment else None
    if found is None:
        return ""
    return f"#/experiments/{found.experiment_id}/runs?workflowType=machine_learning&{PARAMETER}={ARMS}"


def check_free(port: int) -> None:
    """Raise an error if a port of loopback is not free.

    Raises:
        InputError: another process uses the port, or it does not exist.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except (OSError, OverflowError) as error:
            msg = f"port {port} must be free for the UI, but is not ({error}): choose another with --port"
            raise InputError(msg) from error
