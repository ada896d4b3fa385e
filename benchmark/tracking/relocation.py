"""A project that was moved or copied: its store names the old place of its artifacts, which may be another clone's."""

from __future__ import annotations

import logging
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import url2pathname

from benchmark.tracking.connection import ARTIFACTS, artifact_root, tracking_uri

if TYPE_CHECKING:
    from sqlalchemy import Connection

log = logging.getLogger(__name__)

_PLACES = {"experiments": "artifact_location", "runs": "artifact_uri", "logged_models": "artifact_location"}
"""Tables of MLflow's database, and the column that says where artifacts lie."""


def relocate(root: Path) -> None:
    """Let the store beside a project name the artifacts beside it, and say so; a store elsewhere is left alone."""
    here = artifact_root(root)
    if here is None or not (root / "mlflow.db").exists():
        return
    import sqlalchemy as sa

    engine = sa.create_engine(tracking_uri(root))
    try:
        with engine.begin() as connection:
            known = _PLACES.keys() & set(sa.inspect(connection).get_table_names())
            moved = _moved(connection, here) if "experiments" in known else []
            for old, table in product(moved, known):
                column = _PLACES[table]
                connection.execute(
                    sa.text(
                        f"UPDATE {table} SET {column} = :here || substr({column}, :length) "
                        f"WHERE {column} = :old OR substr({column}, 1, :length) = :old || '/'"
                    ),
                    {"here": here, "old": old, "length": len(old) + 1},
                )
    finally:
        engine.dispose()
    for old in moved:
        there, ours = Path(url2pathname(urlsplit(old).path)), (root / ARTIFACTS).absolute()
        missing = "" if ours.is_dir() else f"; earlier runs' files are not there: copy them from {there}"
        log.warning(
            "warning: MLflow had this project's artifacts in %s, and has them in %s now%s", there, ours, missing
        )


def _moved(connection: Connection, here: str) -> list[str]:
    """Folders of artifacts, as addresses, that a store of ours names and that are not the one beside it."""
    import sqlalchemy as sa

    named = connection.execute(sa.text("SELECT DISTINCT artifact_location FROM experiments")).scalars()
    return [old for old in named if old and old.startswith("file:") and old.endswith(f"/{ARTIFACTS}") and old != here]
