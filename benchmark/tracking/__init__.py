"""MLflow tracking: updates the store from the project's folders. Only this package imports mlflow.

:func:`.replay.sync` logs ``runs/``, :func:`.replay.follow` shows one training while it runs, and
:func:`.sweeps.sync_sweeps` logs Optuna's studies. Each reads folders (:mod:`.trainings`), derives the intended content
of the store (:mod:`.entries`) and writes the difference (:mod:`.store`). An unreachable store causes one warning and
never stops a run.
"""
