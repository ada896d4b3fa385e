"""What a study and its trials carry in Optuna's storage, by name, and how a trial's fate is put in words."""

from __future__ import annotations

from optuna.trial import FrozenTrial, TrialState

ABOUT = "about"
"""Of a study: its settings and data, for those who read the storage alone."""
WINNERS = "winners"
"""Of a study: numbers of the trials that were retrained, in order; for each, test was read once."""

LINEAGE = "lineage"
"""Of a trial: the point that it asks, by the role or the number of its first trial; absent from a trial newly drawn."""
ROLE = "role"
"""``paper`` (the published values) or ``zero``; absent where the sampler drew the point."""
WORKER = "worker"
"""``host:pid`` of the process that ran it."""
RUNS_OF = "runs"
"""Name of each run's folder, by seed."""
KAPPAS = "kappas"
"""Val kappa of each seed; their mean is the trial's value."""
PRUNER = "pruner"
"""The pruner's decision."""
ERROR = "error"
"""What it died of; absent where its process was killed."""
STOPPED = "stopped"
"""Its user stopped it."""
SURPLUS = "surplus"
"""It stepped aside for the same trial of another worker."""


def state_of(trial: FrozenTrial) -> str:
    """A trial's state in a word."""
    return "failed" if trial.state == TrialState.FAIL else str(trial.state.name).lower()


def remark_of(trial: FrozenTrial) -> str:
    """What became of a trial, in words."""
    told = trial.user_attrs.get(PRUNER, "")
    if trial.state == TrialState.FAIL:
        told = "stopped" if STOPPED in trial.user_attrs else f"died: {trial.user_attrs.get(ERROR, 'killed')}"
    before = trial.system_attrs.get("retry_history")
    return "; ".join(part for part in (f"asks trial {before[-1]} again" if before else "", told) if part)
