"""``fundusbench sweep``: a search by Optuna over the loss weighting, and what its best is worth on new seeds.

It is a step like the others, so it is a package here and not a script in ``experiments/``, which holds profiles and
published numbers alone. Only the modules that a sweep runs import Optuna; parameters are checked without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmark.settings.params import Params


def run(params: Params) -> None:
    """Search, or go on with a search that was stopped; then retrain the winner and write ``reports/sweep/``.

    Several processes may run this at once on one storage: they share the trials.

    Raises:
        InputError: the sweep's settings, storage, arm or packs are missing or wrong, or no trial trains.
    """
    from optuna.exceptions import StorageInternalError

    from benchmark.common.errors import InputError
    from benchmark.sweep.space import check_space

    check_space(params)
    from benchmark.sweep import report, retrain, trials
    from benchmark.sweep.context import open_bench, study_of

    bench = open_bench(params)
    try:
        study = study_of(bench)
        trials.search(study, bench)
        best, published = retrain.retrain(study, bench)
    except StorageInternalError as error:
        msg = f"the study's storage must answer, but did not ({' '.join(str(error).split())[:200]}): run again to go on"
        raise InputError(msg) from error
    report.write(study, params, best, published)
