"""Reaching the store: where it is, quietly, within seconds, and one process at a time."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from benchmark.runs.spec import SCRATCH

if TYPE_CHECKING:
    from mlflow import MlflowClient

ARTIFACTS = Path("mlartifacts")

_DATABASES = ("sqlite", "postgresql", "mysql", "mssql")
_CONNECT_S, _REQUEST_S = 5, 30
"""Patience in seconds with the first request, and with each later one."""
_SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_DISABLE_AGENT_HINT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_UV_AUTO_DETECT": "false",
}
"""What MLflow is told unless the user has told it otherwise."""

log = logging.getLogger(__name__)


def tracking_uri(root: Path = Path()) -> str:
    """Address of the store: ``MLFLOW_TRACKING_URI``, else the SQLite file ``mlflow.db`` in the project's root."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{(root / 'mlflow.db').absolute()}"


def artifact_root(root: Path = Path()) -> str | None:
    """Address of a new experiment's artifacts beside the default store; None where another store decides."""
    return None if os.environ.get("MLFLOW_TRACKING_URI") else (root / ARTIFACTS).absolute().as_uri()


def quieten() -> None:
    """Switch off MLflow's telemetry, hints, links and progress bars; call before its first import."""
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    for name in ("alembic", "urllib3"):
        logging.getLogger(name).setLevel(logging.ERROR)


def attempt(root: Path, work: Callable[[MlflowClient], None]) -> str:
    """Do some work on the store, alone on this machine.

    Returns:
        Nothing, or one sentence on why the work was not done or not finished; it is resumed by doing it again.
    """
    uri = tracking_uri(root)
    quieten()
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    from benchmark.tracking.relocation import relocate

    try:
        with _alone(root):
            with _patience(_CONNECT_S):
                client = _connect(uri)
            relocate(root)
            with _patience(_REQUEST_S):
                work(client)
    except (MlflowException, SQLAlchemyError, OSError, ImportError) as error:
        return _told(uri, error)
    return ""


def _told(uri: str, error: Exception) -> str:
    """One sentence on a failure, without the password that an address may hold."""
    reason = no_address(uri) or " ".join(str(error).split())
    if len(reason) > 250:
        # MLflow says first what it was about to do and last, deep inside, what went wrong.
        reason = f"{reason[:100]} ... {reason[-150:]}"
    return masked(f"MLflow at {uri} is not up to date, `fundusbench track` replays what it lacks later: {reason}")


def no_address(uri: str) -> str:
    """What is wrong with an address that MLflow would not know what to do with; nothing for others."""
    scheme, colon, _ = uri.partition(":")
    if not colon or scheme.partition("+")[0] in (*_DATABASES, "http", "https", "file", "databricks", "uc"):
        return ""
    return (
        f"MLFLOW_TRACKING_URI must begin with http://, https://, file: or one of {', '.join(_DATABASES)}, but is "
        f"{uri!r}: write http:// before a server's address"
    )


def masked(text: str) -> str:
    """A text without the user and password of the addresses in it."""
    return re.sub(r"//[^/@\s]*@", "//***@", text)


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    """Wait for other processes that write to the store, so that none creates a run twice."""
    path = root / SCRATCH / ".track.lock"
    path.parent.mkdir(exist_ok=True)
    with FileLock(path):
        yield


@contextmanager
def _patience(seconds: int) -> Iterator[None]:
    """Seconds that a request may take, unless the user has said how many."""
    name = "MLFLOW_HTTP_REQUEST_TIMEOUT"
    given = name in os.environ
    os.environ.setdefault(name, str(seconds))
    try:
        yield
    finally:
        if not given:
            del os.environ[name]


def _connect(uri: str) -> MlflowClient:
    """A client whose store has answered once."""
    from mlflow import MlflowClient

    if uri.partition(":")[0].partition("+")[0] in _DATABASES:
        _ask_database(uri)
    client = MlflowClient(tracking_uri=uri, registry_uri=uri)
    client.search_experiments(max_results=1)
    return client


def _ask_database(uri: str) -> None:
    """Fail at once where MLflow's own start would try a database for minutes."""
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
