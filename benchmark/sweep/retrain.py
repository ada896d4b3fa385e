"""After the search: the best trial's values and the published ones, trained on new seeds.

A search picks the highest of many noisy values, so the best trial's own value flatters it. Its retraining on seeds that
took no part does not, as far as seeds go; the patients of val took part all the same. The comparison that decides is
therefore the one on test, which is opened here for the first time, once the winner is written down.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from optuna.trial import FrozenTrial, TrialState

from benchmark.common.terms import SPLITS
from benchmark.settings.sweep import Value
from benchmark.sweep.context import Bench, run_name
from benchmark.sweep.optuna_keys import WINNERS
from benchmark.sweep.space import arm_of, published, read_values
from benchmark.sweep.study import SWEEP, locked
from benchmark.training.batches import load_split

if TYPE_CHECKING:
    from optuna import Study


@dataclass(frozen=True, slots=True)
class Retrained:
    """Values trained on the new seeds.

    Attributes:
        values: by dotted name.
        folders: of the runs, in the order of ``sweep.retrain_seeds``.
    """

    values: Mapping[str, Value]
    folders: Sequence[Path]


def retrain(study: Study, bench: Bench) -> tuple[Retrained, Retrained]:
    """Train the best trial's values and the published ones on the new seeds, with predictions on test.

    Args:
        study: searched to its end.
        bench: of the trials; test is opened beside its splits.
    """
    winner = best(study.get_trials(deepcopy=False))
    winners = study.user_attrs.get(WINNERS, [])
    if winner.number not in winners:
        study.set_user_attr(WINNERS, [*winners, winner.number])
    size = bench.params.arm(*arm_of(bench.params)).size
    whole = replace(bench, splits={split: load_split(split, size, bench.manifest) for split in SPLITS})
    found = []
    for title, values in (
        ("best", read_values(winner.params, bench.params.sweep.space)),
        ("published", published(bench.params)),
    ):
        specs = whole.specs(values, bench.params.sweep.retrain_seeds)
        folders = [SWEEP / study.study_name / "retrained" / run_name(spec) for spec in specs]
        for number, (spec, folder) in enumerate(zip(specs, folders, strict=True), 1):
            with locked(folder):
                whole.complete(spec, folder, f"{title}, {number}/{len(specs)}")
        found.append(Retrained(values, folders))
    print(f"retrained trial {winner.number} and the published values", file=sys.stderr)
    return found[0], found[1]


def best(trials: Sequence[FrozenTrial]) -> FrozenTrial:
    """The complete trial with the highest value, the earlier of equals."""
    complete = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    return max(complete, key=lambda trial: (trial.value, -trial.number))
