"""What a finished sweep shows, computed from the predictions of its runs: intervals, the comparison, the selection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from optuna.trial import FrozenTrial, TrialState

from benchmark.common.terms import EVALUATED, Head, Split
from benchmark.runs.predictions import patients_in_words, read_predictions
from benchmark.runs.results import read_result
from benchmark.scoring.decision_rules.registry import DEFAULT, apply_rule
from benchmark.settings.sweep import Value
from benchmark.statistics.bootstrap import N_RESAMPLES, Graded, graded, kappa_interval
from benchmark.statistics.comparison import Comparison, compare
from benchmark.statistics.confidence import Interval
from benchmark.sweep.context import run_folder
from benchmark.sweep.optuna_keys import KAPPAS, ROLE, RUNS_OF, WINNERS, remark_of, state_of
from benchmark.sweep.retrain import Retrained, best
from benchmark.sweep.space import read_values

if TYPE_CHECKING:
    from optuna import Study

    from benchmark.settings.params import Params


@dataclass(frozen=True, slots=True)
class Point:
    """One trial as reported.

    Attributes:
        number: of the trial.
        role: ``paper`` for the published values, ``zero`` for 0; empty where the sampler drew it.
        values: by dotted name.
        state: complete, pruned or failed.
        remark: the pruner's decision, what it died of, and which trial it asks again.
        kappas: val kappa of each seed; empty unless complete.
        intervals: of their mean, by output; empty unless complete.
    """

    number: int
    role: str
    values: Mapping[str, Value]
    state: str
    remark: str
    kappas: Sequence[float]
    intervals: Mapping[Head, Interval]


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that the report says.

    Attributes:
        study: its full name.
        params: all parameters.
        points: the trials that began, by number.
        best: the complete trial with the highest kappa.
        intervals: kappa of the retrained best values (True) and of the published ones (False), by split.
        differences: best minus published, both retrained, by split; empty where they are the same values.
        selection: the best trial's val kappa minus its retraining's.
        images, patients: by split.
        test_read: for how many winners of this study test was opened.
    """

    study: str
    params: Params
    points: Sequence[Point]
    best: Point
    published: Mapping[str, Value]
    intervals: Mapping[tuple[bool, Split], Interval]
    differences: Mapping[Split, Comparison]
    selection: Comparison
    images: Mapping[Split, int]
    patients: Mapping[Split, str]
    test_read: int


def gather(study: Study, params: Params, retrained: tuple[Retrained, Retrained]) -> Evidence:
    """Judge a study that has been searched and retrained.

    Args:
        study: the study.
        params: all parameters.
        retrained: the best values and the published ones.
    """
    head, trials = params.sweep.head, study.get_trials(deepcopy=False)
    winner = best(trials)
    points = [_point(study.study_name, params, trial) for trial in trials if trial.state != TrialState.WAITING]
    anew = {
        (is_best, split): _decoded(one.folders, split, head)
        for is_best, one in zip((True, False), retrained, strict=True)
        for split in EVALUATED
    }
    searched = _decoded(_folders(study.study_name, winner), "val", head)
    differs = dict(retrained[0].values) != dict(retrained[1].values)
    return Evidence(
        study=study.study_name,
        params=params,
        points=points,
        best=next(point for point in points if point.number == winner.number),
        published=retrained[1].values,
        intervals={key: kappa_interval(one, n_resamples=N_RESAMPLES) for key, one in anew.items()},
        differences={s: compare(anew[True, s], anew[False, s], n_resamples=N_RESAMPLES) for s in EVALUATED if differs},
        selection=compare(searched, anew[True, "val"], n_resamples=N_RESAMPLES),
        images={split: len(anew[True, split].grade) for split in EVALUATED},
        patients={split: patients_in_words(anew[True, split].patient) for split in EVALUATED},
        test_read=len(study.user_attrs[WINNERS]),
    )


def _point(study: str, params: Params, trial: FrozenTrial) -> Point:
    complete = trial.state == TrialState.COMPLETE
    heads = [head for head in DEFAULT if head in _heads(study, trial)] if complete else []
    intervals = {
        head: kappa_interval(_decoded(_folders(study, trial), "val", head), n_resamples=N_RESAMPLES) for head in heads
    }
    return Point(
        number=trial.number,
        role=str(trial.user_attrs.get(ROLE, "")),
        values=read_values(trial.params, params.sweep.space),
        state=state_of(trial),
        remark=remark_of(trial),
        kappas=trial.user_attrs[KAPPAS] if complete else (),
        intervals=intervals,
    )


def _folders(study: str, trial: FrozenTrial) -> list[Path]:
    return [run_folder(study, name) for name in trial.user_attrs[RUNS_OF].values()]


def _heads(study: str, trial: FrozenTrial) -> Sequence[str]:
    return read_result(_folders(study, trial)[0]).heads


def _decoded(folders: Sequence[Path], split: Split, head: Head) -> Graded:
    predictions = [read_predictions(folder / f"{split}.csv") for folder in folders]
    return graded(predictions, [apply_rule(DEFAULT[head], one) for one in predictions])
