"""The connection to the MLflow store: its address, quiet settings, short timeouts, and a lock for writing."""

from __future__ import annotations

import logging
import os
import platform
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from benchmark.common.errors import InputError
from benchmark.runs.run import SCRATCH

if TYPE_CHECKING:
    from mlflow import MlflowClient

ARTIFACTS = Path("mlartifacts")
"""Folder of the artifacts that belong to the default store."""

_DATABASES = ("sqlite", "postgresql", "mysql", "mssql")
_CONNECT_S = 5
"""Seconds that a database may take to accept a connection."""
_SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_DISABLE_AGENT_HINT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "12",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_UV_AUTO_DETECT": "false",
}
"""Default settings of MLflow; the user's environment takes precedence."""


def tracking_uri(root: Path = Path()) -> str:
    """Return the store's address: ``MLFLOW_TRACKING_URI``, else the SQLite file ``mlflow.db`` in the project's root."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{(root / 'mlflow.db').absolute()}"


def artifact_root(root: Path = Path()) -> str | None:
    """Return the address of the default store's artifacts; None if ``MLFLOW_TRACKING_URI`` names another store."""
    return None if os.environ.get("MLFLOW_TRACKING_URI") else (root / ARTIFACTS).absolute().as_uri()


def quieten() -> None:
    """Switch off MLflow's telemetry, hints, links and progress bars; call this before the first import of MLflow."""
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    for name in ("alembic", "urllib3"):
        logging.getLogger(name).setLevel(logging.ERROR)


def attempt(root: Path, work: Callable[[MlflowClient], None]) -> str:
    """Connect to the store and work on it, while other processes of this machine wait.

    Returns:
        An empty string, or one sentence with the reason of a failure. Repeating the work resumes it.
    """
    uri = tracking_uri(root)
    quieten()
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    lock = root / SCRATCH / ".track.lock"
    lock.parent.mkdir(exist_ok=True)
    try:
        # Without the lock, two processes could create a run twice.
        with FileLock(lock):
            work(_connect(uri))
    except (InputError, MlflowException, SQLAlchemyError, OSError, ImportError) as error:
        reason = address_error(uri) or " ".join(str(error).split())
        if len(reason) > 250:
            # MLflow's messages begin with the request and end with the cause.
            reason = f"{reason[:100]} ... {reason[-150:]}"
        return masked(f"MLflow at {uri} is not up to date; run `fundusbench track` later to complete it: {reason}")
    return ""


def address_error(uri: str) -> str:
    """Explain why MLflow does not support an address; return an empty string if it does."""
    scheme, colon, _ = uri.partition(":")
    if not colon or scheme.partition("+")[0] in (*_DATABASES, "http", "https", "file", "databricks", "uc"):
        return ""
    return (
        f"MLFLOW_TRACKING_URI must begin with http://, https://, file: or one of {', '.join(_DATABASES)}, but is "
        f"{uri!r}: write http:// before the address of a server"
    )


def masked(text: str) -> str:
    """Hide user names and passwords in the addresses of a text."""
    return re.sub(r"//[^/@\s]*@", "//***@", text)


def _connect(uri: str) -> MlflowClient:
    """Return a client whose store has answered a first request."""
    from mlflow import MlflowClient

    if uri.partition(":")[0].partition("+")[0] in _DATABASES:
        _check_database(uri)
    client = MlflowClient(tracking_uri=uri, registry_uri=uri)
    client.search_experiments(max_results=1)
    return client


def _check_database(uri: str) -> None:
    """Raise an error at once if a database does not answer; MLflow would retry for minutes."""
    import sqlalchemy

    local = uri.startswith("sqlite")
    if local:
        Path(sqlalchemy.make_url(uri).database or "").parent.mkdir(parents=True, exist_ok=True)
    timeout: dict[str, Any] = {"timeout" if local or uri.startswith("mssql") else "connect_timeout": _CONNECT_S}
    engine = sqlalchemy.create_engine(uri, connect_args=timeout)
    try:
        sqlalchemy.inspect(engine).get_table_names()
    finally:
        engine.dispose()


def owner_of(pid: int) -> str:
    """Return the identity of a process of this machine, ``host:pid``."""
    return f"{platform.node()}:{pid}"


def has_died(owner: str) -> bool:
    """Return whether an owner is known to have died; processes of other machines count as alive."""
    host, _, pid = owner.rpartition(":")
    if host != platform.node():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        # The process exists and belongs to another user.
        return False
    return False
