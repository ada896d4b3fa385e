"""Kappa of the arms on other data sets, and its change from their own test split.

Only predictions are read (``runs/`` and ``transfer/``). Each arm uses its own decision rule, and nothing is tuned.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmark.common.csv_rows import read_rows
from benchmark.common.errors import InputError
from benchmark.common.files import read_json
from benchmark.common.terms import Arm, Head
from benchmark.runs.predictions import Predictions, read_predictions
from benchmark.runs.results import executed
from benchmark.runs.spec import RunResult
from benchmark.runs.transfers import SETS, OtherSet, inputs_path, predictions_path
from benchmark.scoring.kappa import weighted_kappa
from benchmark.scoring.rules import grades_of, rule_of, tuned_on
from benchmark.settings.params import Params
from benchmark.statistics.bootstrap import (
    N_RESAMPLES,
    Graded,
    collapse,
    graded,
    kappa_interval,
    resampled_kappa,
)
from benchmark.statistics.confidence import Confidence, Interval, spread_of
from benchmark.statistics.estimates import Estimate, estimate_of
from benchmark.statistics.graded_runs import GradedRuns, on_every_core


def transfer_estimates(params: Params, runs: GradedRuns) -> list[Estimate]:
    """Estimate kappa on every other set and its change, by arm and head.

    Raises:
        InputError: predictions on a declared set are missing, or are of another training.
    """
    rows: list[Estimate] = []
    sets = {one.name: one for one in read_rows(SETS, OtherSet, "fundusbench transfer")} if params.transfer else {}
    for name in params.transfer:
        if name not in sets:
            _refuse(f"of transfer.{name} are missing")
        rows += _rows(sets[name], runs)
    return rows


def change(own: Graded, other: Graded, *, n_resamples: int = N_RESAMPLES, seed: int = 0) -> Interval:
    """Estimate kappa on another data set minus kappa on the own one, with an interval over patients and runs.

    The patients of the two sets are different people and are resampled independently. Runs are paired, so both sets
    need the same runs in the same order.
    """
    there, here = (collapse(arm.patient, arm.grade, arm.predicted) for arm in (other, own))
    kappas = weighted_kappa(there.total) - weighted_kappa(here.total)
    every = np.ones(len(kappas), np.bool_)
    lost = resampled_kappa(there, every, n_resamples, seed).mean(0)
    # Another seed, because equal seeds draw equally many patients alike, and these are other people.
    kept = resampled_kappa(here, every, n_resamples, seed + 1).mean(0)
    return Confidence(
        estimate=float(kappas.mean()),
        over_patients=lost - kept,
        runs=spread_of(kappas),
        patients=min(there.size, here.size),
    ).interval(bounds=(-2, 2))


def _rows(other: OtherSet, runs: GradedRuns) -> list[Estimate]:
    """Return the rows of one other set, by arm and head in declared order."""
    made = {arm: list(executed(results)) for arm, results in runs.runs.items()}
    predictions = {arm: [_read(other.name, run) for run in results] for arm, results in made.items() if results}
    asked = [(arm, head) for arm, head, split in runs.grades if split == "test" and arm in predictions]
    found = on_every_core(lambda side: list(_pair(other, runs, *side, predictions[side[0]])), asked)
    return [row for rows in found for row in rows]


def _pair(
    other: OtherSet, runs: GradedRuns, arm: Arm, head: Head, predictions: list[Predictions]
) -> Iterator[Estimate]:
    """Return an arm's kappa on another set and its difference from kappa on the own test split."""
    own, results = runs.grades[arm, head, "test"], runs.runs[arm]
    there = graded(predictions, [grades_of(run, head, one) for run, one in zip(results, predictions, strict=True)])
    columns: dict[str, Any] = {
        "about": other.name,
        "rule": rule_of(results[0], head),
        "tuned_on": tuned_on(results[0], head),
        "n_images": other.images,
        "n_patients": other.patients,
        "n_shared": other.shared,
        "data": other.data,
        "synthetic": other.synthetic,
    }
    found = kappa_interval(there, n_resamples=N_RESAMPLES)
    yield estimate_of(runs, "transfer", [(arm, head)], "test", found, there, **columns)
    columns["quantity"] = "kappa difference"
    yield estimate_of(runs, "transfer change", [(arm, head)], "test", change(own, there), there, **columns)


def _read(name: str, run: RunResult) -> Predictions:
    """Read a run's predictions on another set."""
    path = predictions_path(name, run)
    if not inputs_path(path).exists():
        _refuse(f"{path} of {run.title} do not exist")
    if read_json(inputs_path(path))["run"] != run.key:
        _refuse(f"{path} stem from another training than {run.title}")
    return read_predictions(path)


def _refuse(fault: str) -> None:
    msg = (
        f"every finished run must be evaluated on every set of `transfer`, but the predictions {fault}: run `dvc repro`"
    )
    raise InputError(msg)
