"""The step ``evaluate``: kappas, other metrics, confusion matrices and learning curves from the runs' predictions.

The results are in ``evaluation/``. Only files are read, so every number can be rebuilt without a GPU or a checkpoint.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmark.common.csv_rows import read_frame, write_rows
from benchmark.common.errors import InputError
from benchmark.common.files import write_json, write_text
from benchmark.common.progress import progress_bar
from benchmark.common.terms import EVALUATED, GRADES, Arm, Head, Split
from benchmark.evaluation.outputs import (
    CalibrationRow,
    ScoreRow,
    WorstRow,
    calibration_rows,
    main_head,
    score_rows,
    worst_rows,
)
from benchmark.evaluation.tables import CURVE, EVALUATION, EVALUATION_COLUMNS
from benchmark.runs.consistency import check_run_consistency
from benchmark.runs.declared import find_runs
from benchmark.runs.history import HISTORY, read_history
from benchmark.runs.labels import table_columns
from benchmark.runs.predictions import Predictions, read_predictions
from benchmark.runs.results import trained
from benchmark.runs.run import RUNS
from benchmark.runs.spec import PredictionsResult, RunResult, TrainedResult
from benchmark.scoring.kappa import confusion_matrix
from benchmark.scoring.metrics import Measure, measure
from benchmark.scoring.rules import grades_of, rule_of
from benchmark.settings.params import Params

METRICS_FILE = EVALUATION / "metrics.csv"
HEADLINE = EVALUATION / "headline.json"
"""Numbers that `dvc metrics` and `dvc exp show` print."""
CALIBRATION, SCORES, WORST_ERRORS = (EVALUATION / f"{name}.csv" for name in ("calibration", "scores", "worst_errors"))


@dataclass(frozen=True, slots=True)
class HeadEvaluation:
    """Confusion matrix, shape (5, 5), labels in rows, and metrics by name of one head of one run on one split."""

    method: str
    arm: str
    seed: int
    split: Split
    head: Head
    rule: str
    confusion: npt.NDArray[np.int64]
    measures: Mapping[str, Measure]

    @property
    def kappa(self) -> float:
        """Quadratic weighted kappa; NaN if undefined."""
        return self.measures["kappa"].value


@dataclass(frozen=True, slots=True)
class MetricRow:
    """A line of ``evaluation/metrics.csv``: one metric of one head of one run on one split."""

    method: str
    arm: str
    seed: int
    split: Split
    head: Head
    rule: str
    metric: str
    """A key of :data:`benchmark.scoring.metrics.METRICS`."""
    value: float
    """NaN, empty in the file, if undefined."""
    n: int
    """Number of images over which the metric is computed."""


def run(params: Params) -> None:
    """Evaluate every declared run that exists; warn of the missing ones.

    Raises InputError if no run exists, a run lacks a file or a number, runs have different images or labels, or their
    settings are inconsistent.
    """
    results = list(find_runs(params))
    if not results:
        msg = f"evaluation needs a finished run, but {RUNS}/ holds none of the declared arms: run `dvc repro` first"
        raise InputError(msg)
    check_run_consistency(params, results)
    reference: dict[Split, Predictions] = {}
    evaluations: list[HeadEvaluation] = []
    predicted: dict[tuple[Arm, Split], list[tuple[RunResult, Predictions]]] = {}
    with progress_bar(results, desc="evaluate", unit=" runs") as shown:
        for result in shown:
            for split in EVALUATED:
                predictions = _read_split(result, split)
                first = reference.setdefault(split, predictions)
                _check_images(result, split, predictions, first, results[0])
                evaluations += evaluate(result, split, predictions)
                if result.system and not isinstance(result, PredictionsResult):
                    continue
                # Share ids and labels, which take most of the memory, with the first run.
                slim = replace(first, score=predictions.score, prob=predictions.prob)
                predicted.setdefault((Arm(result.method, result.arm), split), []).append((result, slim))
    _write("runs", runs_frame(results))
    write_rows(METRICS_FILE, MetricRow, metric_rows(evaluations))
    _write("confusion", confusion_frame(evaluations))
    _write("grades", pd.concat([grades_frame(split, reference[split]) for split in EVALUATED]))
    curves = [_read_history(result) for result in trained(results)]
    _write("curves", pd.concat(curves) if curves else pd.DataFrame(columns=list(EVALUATION_COLUMNS["curves"])))
    write_rows(CALIBRATION, CalibrationRow, calibration_rows(predicted))
    write_rows(SCORES, ScoreRow, score_rows(predicted))
    # The worst errors are explained by the weights of their arm, which given predictions lack.
    explained = {key: runs for key, runs in predicted.items() if not isinstance(runs[0][0], PredictionsResult)}
    write_rows(WORST_ERRORS, WorstRow, worst_rows(explained or predicted))
    write_json(HEADLINE, headline(results, evaluations))


def evaluate(result: RunResult, split: Split, predictions: Predictions) -> Iterator[HeadEvaluation]:
    """Apply the decision rule of each head of a run and compare the grades with the labels."""
    for head in result.heads:
        predicted = grades_of(result, head, predictions)
        confusion = confusion_matrix(predictions.grade, predicted)
        measures = measure(head, predictions, predicted)
        rule = rule_of(result, head)
        yield HeadEvaluation(result.method, result.arm, result.seed, split, head, rule, confusion, measures)


def runs_frame(results: list[RunResult]) -> pd.DataFrame:
    """Build a row per run: its names, cost, data, hashes and flags."""
    columns = ("method", "arm", "seed", "key", "epoch_kept", "parameters", "macs_per_image")
    rows = (
        {column: getattr(result, column) for column in columns}
        | table_columns(result)
        | {"flags": " ".join(result.flags), "system": result.system}
        | {"data": result.data.name, "synthetic": result.data.synthetic, "train": result.data.train}
        | {"data_hash": result.data_hash, "parameter_hash": result.parameter_hash}
        for result in results
    )
    return pd.DataFrame(rows, columns=list(EVALUATION_COLUMNS["runs"]))


_NAMES = ("method", "arm", "seed", "split", "head", "rule")
"""Columns that identify a head of a run on a split."""


def metric_rows(evaluations: Iterable[HeadEvaluation]) -> Iterator[MetricRow]:
    """Build a row per metric, head, run and split."""
    for one in evaluations:
        names = {column: getattr(one, column) for column in _NAMES}
        yield from (MetricRow(**names, metric=name, value=m.value, n=m.n) for name, m in one.measures.items())


def confusion_frame(evaluations: Iterable[HeadEvaluation]) -> pd.DataFrame:
    """Build a row per cell of the confusion matrices."""
    return pd.DataFrame(
        {column: getattr(one, column) for column in _NAMES}
        | {"label": label, "predicted": predicted, "count": int(count)}
        for one in evaluations
        for (label, predicted), count in np.ndenumerate(one.confusion)
    )


def grades_frame(split: Split, predictions: Predictions) -> pd.DataFrame:
    """Count images, known patients and images without a patient (``unknown``) of a split, per grade and in total."""
    frame = pd.DataFrame({"grade": predictions.grade.astype(str), "patient": predictions.patient})
    groups = [(str(grade), frame[frame["grade"] == str(grade)]) for grade in range(GRADES)] + [("all", frame)]
    return pd.DataFrame(
        {
            "split": split,
            "grade": grade,
            "images": len(group),
            "patients": group.loc[group["patient"] != "", "patient"].nunique(),
            "unknown": int((group["patient"] == "").sum()),
        }
        for grade, group in groups
    )


def headline(results: Sequence[RunResult], evaluations: Iterable[HeadEvaluation]) -> dict[str, dict[str, float]]:
    """Return the numbers that DVC shows: mean kappa on val and test of the last arm of each method, by ``method/arm``.

    The output is the arm's main one. Compared systems are left out unless they are all there is, so that
    `dvc exp show` fits on a screen. An undefined kappa is left out.
    """
    own = [result for result in results if not result.system] or results
    last = {result.method: result for result in own}.values()
    shown = {(result.method, result.arm, main_head(result)) for result in last}
    kappas: dict[str, dict[Split, list[float]]] = {}
    for one in evaluations:
        if (one.method, one.arm, one.head) in shown:
            kappas.setdefault(f"{one.method}/{one.arm}", {}).setdefault(one.split, []).append(one.kappa)
    means = {arm: {split: fmean(values) for split, values in splits.items()} for arm, splits in kappas.items()}
    return {
        arm: {split: round(mean, 6) for split, mean in splits.items() if math.isfinite(mean)}
        for arm, splits in means.items()
    }


def _read_split(result: RunResult, split: Split) -> Predictions:
    path = result.folder() / f"{split}.csv"
    predictions = read_predictions(path)
    for head in result.heads:
        output = getattr(predictions, head)
        if output is None or not np.isfinite(output).all():
            msg = f"head {head} must give a finite number for every image, but {path} has gaps: train it again"
            raise InputError(msg)
    if not np.isin(predictions.grade, range(GRADES)).all():
        msg = f"labels must be grades 0 to 4, but {path} has {sorted(set(predictions.grade.tolist()))}: correct it"
        raise InputError(msg)
    return predictions


def _check_images(result: RunResult, split: Split, ours: Predictions, theirs: Predictions, first: RunResult) -> None:
    """Refuse a run that was evaluated on other images or against other labels than the first run."""
    same = {
        "data set": result.data == first.data,
        "images, or the same in another order": np.array_equal(ours.image_id, theirs.image_id),
        "labels": np.array_equal(ours.grade, theirs.grade),
        "patients": np.array_equal(ours.patient, theirs.patient),
    }
    if fault := next((name for name, equal in same.items() if not equal), None):
        rule = f"all runs must be evaluated on the same {split} images with the same labels"
        msg = f"{rule}, but those of {result.title} differ from those of {first.title} (other {fault}): train it again"
        raise InputError(msg)


def _read_history(result: TrainedResult) -> pd.DataFrame:
    read_frame(result.folder() / HISTORY, CURVE, "dvc repro")
    # Read as text, so that numbers stay as training wrote them.
    epochs = read_history(result.folder())
    run = {column: getattr(result, column) for column in ("method", "arm", "seed")}
    return pd.DataFrame([run | epoch for epoch in epochs])


def _write(name: str, frame: pd.DataFrame) -> None:
    text = frame.to_csv(index=False, float_format="%.6f", lineterminator="\n")
    write_text(EVALUATION / f"{name}.csv", text)
