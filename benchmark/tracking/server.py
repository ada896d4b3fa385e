"""MLflow's own UI over the project's store."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

from benchmark.common.errors import InputError
from benchmark.tracking.connection import ARTIFACTS, masked, no_address, quieten, tracking_uri
from benchmark.tracking.relocation import relocate

HOST = "127.0.0.1"


def ui(port: int = 5000) -> None:
    """Replace this process by an MLflow server on loopback that shows the store.

    Raises:
        InputError: the port is taken, or the store is a server, which has a UI of its own.
    """
    uri = tracking_uri()
    if uri.startswith(("http://", "https://")):
        msg = f"the UI shows a local store, but MLFLOW_TRACKING_URI names a server: open {uri} in a browser"
        raise InputError(msg)
    if wrong := no_address(uri):
        raise InputError(masked(wrong))
    _check_free(port)
    quieten()
    relocate(Path())
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", uri]
    command += ["--artifacts-destination", str(ARTIFACTS.absolute())]
    command += ["--host", HOST, "--port", str(port), "--workers", "1"]
    print(f"MLflow shows the runs at http://{HOST}:{port} (stop with Ctrl+C)", flush=True)
    os.execv(sys.executable, command)


def _check_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except (OSError, OverflowError) as error:
            msg = f"port {port} must be free to serve the UI, but is not ({error}): choose another with --port"
            raise InputError(msg) from error
