"""The connection to the MLflow store: its address, quiet settings, short timeouts, and a lock for writing."""

from __future__ import annotations

import logging
import os
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import psutil
from filelock import FileLock

from benchmark.common.addresses import shown_address, unquoted_secret, without_secrets
from benchmark.common.errors import InputError
from benchmark.runs.run import SCRATCH

if TYPE_CHECKING:
    from mlflow import MlflowClient

STORE, ARTIFACTS = Path("mlflow.db"), Path("mlartifacts")
"""The default store, and the folder of its artifacts."""

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
_DAMAGED = ("malformed", "not a database", "out-of-date database schema")
"""Phrases of messages about a damaged database and about one of another version of MLflow."""


def tracking_uri(root: Path = Path()) -> str:
    """Return the store's address: ``MLFLOW_TRACKING_URI``, else the SQLite file ``mlflow.db`` in the project's root."""
    if given := os.environ.get("MLFLOW_TRACKING_URI"):
        return given
    path = str((root / STORE).absolute())
    # MLflow creates a second folder for a path that its address must quote.
    return f"sqlite:///{quote(os.path.relpath(path)) if set(path) & set('%?') else path}"


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

    Return an empty string, or one sentence with the reason of a failure. Repeating the work resumes it.
    """
    uri = tracking_uri(root)
    lock = root / SCRATCH / ".track.lock"
    lock.parent.mkdir(exist_ok=True)
    try:
        # Without the lock, two processes could create a run twice.
        with FileLock(lock):
            client = connect(uri)
            with explained(uri):
                work(client)
    except (InputError, OSError) as error:
        return (
            f"MLflow at {shown_address(uri)} is not up to date; run `fundusbench track` later to complete it: {error}"
        )
    return ""


def connect(uri: str) -> MlflowClient:
    """Return a client whose store has answered a first request.

    Raises InputError if the address is not supported, or the store does not answer within seconds or is damaged.
    """
    if fault := unquoted_secret(uri) or _scheme_error(uri):
        raise InputError(fault)
    with explained(uri):
        from mlflow import MlflowClient

        if uri.partition(":")[0].partition("+")[0] in _DATABASES:
            _check_database(uri)
        client = MlflowClient(tracking_uri=uri, registry_uri=uri)
        client.search_experiments(max_results=1)
    return client


@contextmanager
def explained(uri: str) -> Iterator[None]:
    """Turn the errors of MLflow, of the database and of its driver into an InputError without the password."""
    quieten()
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except InputError:
        raise
    except (MlflowException, SQLAlchemyError, OSError, ImportError, ValueError) as error:
        reason = without_secrets(" ".join(str(error).split()), uri)
        fix = "correct the address, or start the server"
        if any(phrase in reason for phrase in _DAMAGED):
            fix = f"remove {STORE} and {ARTIFACTS}, then run `fundusbench track`, which fills both again"
            if os.environ.get("MLFLOW_TRACKING_URI"):
                fix = "name another database, or upgrade a copy of it with `mlflow db upgrade`"
        if len(reason) > 250:
            # MLflow's messages begin with the request and end with the cause.
            reason = f"{reason[:100]} ... {reason[-150:]}"
        msg = f"the store must answer, but does not ({reason}): {fix}"
        raise InputError(msg) from error


def _scheme_error(uri: str) -> str:
    """Explain why MLflow does not support an address; return an empty string if it does."""
    scheme, colon, _ = uri.partition(":")
    if colon and scheme.partition("+")[0] in (*_DATABASES, "http", "https", "databricks", "uc"):
        return ""
    return (
        f"MLFLOW_TRACKING_URI must begin with http://, https:// or one of {', '.join(_DATABASES)}, but is "
        f"{shown_address(uri)!r}: write http:// before the address of a server, and sqlite:///FILE for a file; MLflow "
        "no longer writes to folders such as mlruns"
    )


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
    return host == platform.node() and not psutil.pid_exists(int(pid))
