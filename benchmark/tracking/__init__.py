"""MLflow tracking: brings the store to the state of the project's folders. Only this package imports mlflow.

:func:`.replay.sync` replays ``runs/`` into the store, :func:`.replay.follow` shows one training while it runs, and
:func:`.sweeps.sync_sweeps` replays Optuna's studies. Each reads folders (:mod:`.trainings`), derives the store's
intended content (:mod:`.entries`) and writes the difference (:mod:`.store`). A store that cannot be reached causes one
warning and never stops a run.
"""
