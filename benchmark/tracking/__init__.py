"""MLflow beside the pipeline: brings the store to the state of the folders. The only package that imports mlflow.

:func:`.replay.sync` replays ``runs/`` into the store and may be repeated at will; :func:`.replay.follow` shows one
training while it runs; :func:`.sweeps.sync_sweeps` does for Optuna's studies what ``sync`` does for runs. They read
folders (:mod:`.trainings`), say what the store should hold (:mod:`.entries`) and write the difference (:mod:`.store`).
A store that cannot be reached costs one warning and never a run.
"""
