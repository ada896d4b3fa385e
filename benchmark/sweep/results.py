"""Results of a finished sweep, computed from the predictions of its runs: intervals, comparison, selection bias."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from optuna import Study
from optuna.trial import FrozenTrial, TrialState

from benchmark.common.terms import EVALUATED, Head, Split
from benchmark.runs.predictions import patients_in_words, read_predictions
from benchmark.scoring.decision_rules.registry import DEFAULT, apply_rule
from benchmark.settings.params import Params
from benchmark.settings.sweep import Value
from benchmark.statistics.bootstrap import Graded, graded, kappa_interval
from benchmark.statistics.comparison import Comparison, compare
from benchmark.statistics.confidence import Interval
from benchmark.sweep.context import run_folder
from benchmark.sweep.retrain import Retrained, SweepSide, best_trial
from benchmark.sweep.space import read_values, reference
from benchmark.sweep.study import KAPPAS, ROLE, RUNS_OF, WINNERS, remark_of, trial_state


@dataclass(frozen=True, slots=True)
class TrialResult:
    """One trial of the search; kappas and their mean with its interval only if it is complete.

    Attributes:
        role: ``paper`` for the published values, ``zero`` for 0, empty for values that the sampler drew.
        remark: the pruner's decision or the reason of a failure, and the number of a retried trial.
    """

    number: int
    role: str
    values: Mapping[str, Value]
    state: str
    remark: str
    kappas: Sequence[float]
    interval: Interval | None


@dataclass(frozen=True, slots=True)
class SweepResults:
    """The content of a sweep's report.

    Attributes:
        study: full name of the study.
        best: the complete trial with the highest val kappa.
        published: the published values; the declared ones where the paper prints none.
        kappas: kappa of the retrained values, by side and split.
        differences: best minus published, both retrained, by split; empty if they are the same values.
        selection: val kappa of the best trial minus that of its retraining.
        n_winners: number of winners of this study that were evaluated on test.
    """

    study: str
    params: Params
    trials: Sequence[TrialResult]
    best: TrialResult
    published: Mapping[str, Value]
    kappas: Mapping[tuple[SweepSide, Split], Interval]
    differences: Mapping[Split, Comparison]
    selection: Comparison
    n_images: Mapping[Split, int]
    n_patients: Mapping[Split, str]
    n_winners: int

    @property
    def reference(self) -> str:
        """Word for the values that the best ones are compared with: published or declared."""
        return reference(self.published)

    @property
    def tied(self) -> bool:
        """True if several trials are complete and all have the same val kappa, so that none is the best."""
        found = [trial.interval.estimate for trial in self.trials if trial.interval]
        return len(found) > 1 and max(found) - min(found) < 1e-9


def compute_results(study: Study, params: Params, retrained: Mapping[SweepSide, Retrained]) -> SweepResults:
    """Compute the results of a study that has been searched and retrained."""
    head, trials = params.sweep.head, study.get_trials(deepcopy=False)
    winner = best_trial(trials)
    grades = {
        (side, split): _grades(values.folders, split, head, params.sweep.retrain_seeds)
        for side, values in retrained.items()
        for split in EVALUATED
    }
    results = [_trial_result(study, params, trial) for trial in trials if trial.state != TrialState.WAITING]
    differ = dict(retrained["best"].values) != dict(retrained["published"].values)
    return SweepResults(
        study=study.study_name,
        params=params,
        trials=results,
        best=next(result for result in results if result.number == winner.number),
        published=retrained["published"].values,
        kappas={key: kappa_interval(one) for key, one in grades.items()},
        differences={
            split: compare(grades["best", split], grades["published", split], keep_failed=True)
            for split in EVALUATED
            if differ
        },
        selection=compare(
            _grades(_folders(study, winner), "val", head, params.sweep.seeds), grades["best", "val"], keep_failed=True
        ),
        n_images={split: len(grades["best", split].grade) for split in EVALUATED},
        n_patients={split: patients_in_words(grades["best", split].patient) for split in EVALUATED},
        n_winners=len(study.user_attrs[WINNERS]),
    )


def _trial_result(study: Study, params: Params, trial: FrozenTrial) -> TrialResult:
    complete, sweep = trial.state == TrialState.COMPLETE, params.sweep
    return TrialResult(
        number=trial.number,
        role=str(trial.user_attrs.get(ROLE, "")),
        values=read_values(trial.params, sweep.space),
        state=trial_state(trial),
        remark=remark_of(trial),
        kappas=trial.user_attrs[KAPPAS] if complete else (),
        interval=kappa_interval(_grades(_folders(study, trial), "val", sweep.head, sweep.seeds)) if complete else None,
    )


def _folders(study: Study, trial: FrozenTrial) -> list[Path]:
    return [run_folder(study.study_name, name) for name in trial.user_attrs[RUNS_OF].values()]


def _grades(folders: Sequence[Path], split: Split, head: Head, seeds: Sequence[int]) -> Graded:
    predictions = [read_predictions(folder / f"{split}.csv") for folder in folders]
    return graded(predictions, [apply_rule(DEFAULT[head], one) for one in predictions], seeds)
