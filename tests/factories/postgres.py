"""A temporary PostgreSQL server on loopback, run by an unprivileged user."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def find_server() -> Path | None:
    """Return the folder of Debian's newest server, else of the one on the PATH; None if there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    on_path = shutil.which("initdb")
    return found[-1].parent if found else Path(on_path).parent if on_path else None


@contextmanager
def postgres(*databases: str) -> Iterator[str]:
    """Start a server, create databases, and yield the server's address without a database name."""
    server = find_server()
    assert server is not None
    # The server refuses root, and another user cannot read pytest's folders.
    folder, port = Path(tempfile.mkdtemp(prefix="postgres-")), _free_port()
    who = _unprivileged()
    if who:
        shutil.chown(folder, who["user"], who["group"])
    quiet: dict[str, Any] = {"cwd": folder, "stdout": subprocess.DEVNULL, **who}
    command = [server / "initdb", "-D", folder / "data", "-U", "bench", "-A", "trust", "-E", "UTF8", "--no-sync"]
    subprocess.run(command, check=True, **quiet)
    options = {"listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": folder, "fsync": "off"}
    set_to = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen([server / "postgres", "-D", folder / "data", *set_to], stderr=log, **quiet)
    try:
        address = f"postgresql://bench@127.0.0.1:{port}"
        _make(databases, port, process, folder / "log")
        yield address
    finally:
        process.send_signal(signal.SIGINT)  # Do not wait for open connections.
        process.wait()
        shutil.rmtree(folder)


def _unprivileged() -> dict[str, Any]:
    """Return the user that runs the server, as arguments of Popen; empty if this process is not root."""
    if os.getuid():
        return {}
    names = {entry.pw_name for entry in pwd.getpwall()}
    user = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _make(databases: tuple[str, ...], port: int, process: subprocess.Popen[Any], log: Path) -> None:
    import psycopg

    deadline = time.monotonic() + 30
    while True:
        try:
            with psycopg.connect(
                host="127.0.0.1", port=port, user="bench", dbname="postgres", autocommit=True
            ) as open_:
                for name in databases:
                    open_.execute(f'CREATE DATABASE "{name}"')  # type: ignore[call-overload]
            return
        except psycopg.OperationalError:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
