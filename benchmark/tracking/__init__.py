"""MLflow beside the pipeline: brings the store to the state of the folders. The only package that imports mlflow.

:func:`sync` replays ``runs/`` into the store and may be repeated at will; :func:`follow` shows one training while it
runs; :func:`sync_sweeps` does for Optuna's studies what :func:`sync` does for runs. They read folders
(:mod:`.trainings`), say what the store should hold (:mod:`.entries`) and write the difference
(:mod:`.store`). A store that cannot be reached costs one warning and never a run.
"""

from __future__ import annotations

from benchmark.tracking.connection import tracking_uri
from benchmark.tracking.replay import SyncReport, follow, sync
from benchmark.tracking.server import ui
from benchmark.tracking.sweeps import sync_sweeps

__all__ = ["SyncReport", "follow", "sync", "sync_sweeps", "tracking_uri", "ui"]
