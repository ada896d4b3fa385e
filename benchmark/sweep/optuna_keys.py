"""Names of the user attributes in Optuna's storage, and a trial's state in words."""

from __future__ import annotations

from optuna.trial import FrozenTrial, TrialState

ABOUT = "about"
"""Settings and data of a study."""
NOTE = "note"
"""The study in a sentence, with the warning of generated photographs."""
WINNERS = "winners"
"""Numbers of the trials that were retrained, in order; each retraining used test once."""

ROLE = "role"
"""``paper`` (the published values) or ``zero``; absent from a trial that the sampler drew."""
WORKER = "worker"
"""``host:pid`` of the process that ran the trial."""
RUNS_OF = "runs"
"""Folder name of each run by seed."""
KAPPAS = "kappas"
"""Val kappa of each seed; their mean is the trial's value."""
PRUNER = "pruner"
"""The pruner's decision."""
ERROR = "error"
"""Reason of a failure; empty if the process was killed."""
STOPPED = "stopped"
"""True if the user stopped the trial."""


def trial_state(trial: FrozenTrial) -> str:
    """Return a trial's state in one word."""
    return "failed" if trial.state == TrialState.FAIL else str(trial.state.name).lower()


def remark_of(trial: FrozenTrial) -> str:
    """Return the pruner's decision or the reason of a failure, and the number of the trial that this one retries."""
    remark = trial.user_attrs.get(PRUNER, "")
    if trial.state == TrialState.FAIL:
        remark = "stopped" if STOPPED in trial.user_attrs else f"failed: {trial.user_attrs.get(ERROR) or 'killed'}"
    retried = trial.system_attrs.get("retry_history")
    return "; ".join(part for part in (f"retry of trial {retried[-1]}" if retried else "", remark) if part)
