"""What the arms are worth on data sets that they were not trained on: kappa there, beside that on their own test split.

Only predictions are read (``runs/`` and ``transfer/``), each decoded by its head's default rule: nothing is tuned.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmark.common.csv_rows import read_rows, write_rows
from benchmark.common.errors import InputError
from benchmark.common.files import read_json
from benchmark.common.terms import Arm, Head
from benchmark.runs.predictions import Predictions, patients_in_words, read_predictions
from benchmark.runs.spec import RunResult
from benchmark.runs.transfers import SETS, OtherSet, mark_of, predictions_path
from benchmark.scoring.kappa import weighted_kappa
from benchmark.scoring.rules import grades_of, rule_of
from benchmark.settings.params import Params
from benchmark.statistics.bootstrap import (
    REPLICATES,
    Graded,
    collapse,
    graded,
    kappa_interval,
    resampled_kappa,
    silence,
)
from benchmark.statistics.confidence import Confidence, Interval, spread_of
from benchmark.statistics.decoded import STATISTICS, Decoded, on_every_core

GENERALISATION = STATISTICS / "transfer.csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferRow:
    """One arm and head on the test split of another data set, and of its own. Intervals are of kappa's mean over seeds.

    A field of the own set begins with ``own_``; the difference is the other set's kappa minus the own one's.
    """

    name: str
    """The other set in ``params.transfer``."""
    data: str
    synthetic: bool
    images: int
    patients: str
    shared: int
    """Of these images, those whose file also lies in train or val of the own set."""
    own_data: str
    own_synthetic: bool
    own_images: int
    own_patients: str
    stage: str
    arm: str
    pixels: int
    head: str
    decoder: str
    kappa: float
    low: float
    high: float
    own_kappa: float
    own_low: float
    own_high: float
    difference: float
    difference_low: float
    difference_high: float
    level: float
    over: str
    """Whether the intervals are over seeds and patients, or over patients alone."""
    seeds: str
    replicates: int
    undefined: int
    """Replicates of the other set without a kappa, left out."""


def run(params: Params, decoded: Decoded) -> None:
    """Write ``statistics/transfer.csv``, without a row where no other set is declared.

    Raises:
        InputError: predictions on a declared set are missing, or stem from another training.
    """
    rows: list[TransferRow] = []
    sets = {one.name: one for one in read_rows(SETS, OtherSet, "fundusbench transfer")} if params.transfer else {}
    for name in params.transfer:
        if name not in sets:
            _refuse(f"of transfer.{name} are missing")
        rows += _rows(sets[name], decoded)
    write_rows(GENERALISATION, TransferRow, rows)


def read_transfers() -> list[TransferRow]:
    """The rows of ``statistics/transfer.csv``; none where no other set is declared.

    Raises:
        InputError: there is no such file.
    """
    return read_rows(GENERALISATION, TransferRow, "fundusbench statistics")


def change(own: Graded, other: Graded, *, replicates: int = REPLICATES, seed: int = 0) -> Interval:
    """Kappa on another data set minus that on the own one, with an interval over the patients of both and the runs.

    Patients are drawn in each set apart from the other, as its own people; a run enters by its own difference.

    Args:
        own: the runs of an arm on the own set, decoded.
        other: the same runs, in the same order, on the other set.
        replicates: resamples.
        seed: equal seeds give equal intervals.
    """
    there, here = (collapse(arm.patient, arm.grade, arm.predicted) for arm in (other, own))
    kappas = weighted_kappa(there.total) - weighted_kappa(here.total)
    every = np.ones(len(kappas), np.bool_)
    lost = resampled_kappa(there, every, replicates, seed).mean(1)
    # Draws of their own: equal seeds draw equally many patients alike, and these are other people.
    kept = resampled_kappa(here, every, replicates, seed + 1).mean(1)
    return Confidence(
        value=float(kappas.mean()),
        over_patients=lost - kept,
        runs=spread_of(kappas),
        patients=min(there.size, here.size),
        no_evidence=silence(there, len(kappas)) or silence(here, len(kappas)),
    ).interval(bounds=(-2, 2))


def _rows(other: OtherSet, decoded: Decoded) -> list[TransferRow]:
    """One row per arm and head, in declared order."""
    predictions = {arm: [_read(other.name, run) for run in runs] for arm, runs in decoded.runs.items()}
    asked = [(arm, head) for arm, head, split in decoded.grades if split == "test"]
    return on_every_core(lambda each: _row(other, decoded, *each, predictions[each[0]]), asked)


def _row(other: OtherSet, decoded: Decoded, arm: Arm, head: Head, predictions: list[Predictions]) -> TransferRow:
    own = decoded.grades[arm, head, "test"]
    runs = decoded.runs[arm]
    there = graded(predictions, [grades_of(run, head, one) for run, one in zip(runs, predictions, strict=True)])
    found, before = (kappa_interval(one, replicates=REPLICATES) for one in (there, own))
    lost = change(own, there)
    return TransferRow(
        name=other.name,
        data=other.data,
        synthetic=other.synthetic,
        images=other.images,
        patients=other.patients,
        shared=other.shared,
        own_data=decoded.data.name,
        own_synthetic=decoded.data.synthetic,
        own_images=len(own.grade),
        own_patients=patients_in_words(own.patient),
        stage=arm[0],
        arm=arm[1],
        pixels=runs[0].pixels,
        head=head,
        decoder=rule_of(runs[0], head),
        kappa=found.value,
        low=found.low,
        high=found.high,
        own_kappa=before.value,
        own_low=before.low,
        own_high=before.high,
        difference=lost.value,
        difference_low=lost.low,
        difference_high=lost.high,
        level=found.level,
        over=decoded.over(arm),
        seeds=decoded.seeds(arm),
        replicates=found.replicates,
        undefined=found.undefined,
    )


def _read(name: str, run: RunResult) -> Predictions:
    """A run's predictions on another set."""
    path = predictions_path(name, run)
    if not mark_of(path).exists():
        _refuse(f"{path} of {run.title} do not exist")
    if read_json(mark_of(path))["run"] != run.key:
        _refuse(f"{path} stem from another training than {run.title}")
    return read_predictions(path)


def _refuse(fault: str) -> None:
    msg = (
        f"every finished run must be evaluated on every set of `transfer`, but the predictions {fault}: run `dvc repro`"
    )
    raise InputError(msg)
