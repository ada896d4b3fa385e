"""Statistics of the outputs on test: calibration, distribution of scores by label, and the worst errors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmark.common.arrays import Floats
from benchmark.common.terms import GRADES, Arm, Head, Split
from benchmark.runs.predictions import PROBS, Predictions
from benchmark.runs.run import Run
from benchmark.runs.spec import RunResult
from benchmark.scoring.decision_rules.registry import DEFAULT, apply_rule, default_kappa
from benchmark.scoring.metrics import BINS

SPLIT: Split = "test"
N_WORST = 20
"""Number of worst errors reported."""
SCORE_BIN_WIDTH = 0.1
"""Width of the histogram bins of scores."""
SCORE_MIN, SCORE_MAX = -0.5, GRADES - 0.5
"""Range of the histogram; scores outside are counted in the outermost bins."""

PredictionsByArm = Mapping[tuple[Arm, Split], Sequence[tuple[RunResult, Predictions]]]
"""Runs of each arm with their predictions on a split, in the order of their seeds."""


@dataclass(frozen=True, slots=True)
class CalibrationRow:
    """One bin of a run's calibration error; images are binned by the probability of their most probable grade."""

    method: str
    arm: str
    seed: int
    bin: int
    """Index of the bin. The bins are those of the metric ``ece``; a probability of 1 is in the last one."""
    images: int
    confidence: float
    """Mean probability of the most probable grade."""
    accuracy: float
    """Fraction of images whose label is their most probable grade."""


@dataclass(frozen=True, slots=True)
class ScoreRow:
    """Number of images of one label in one bin of the scores, summed over the seeds of an arm."""

    method: str
    arm: str
    grade: int
    low: float
    """Lower end of the bin, which is 0.1 wide; the outermost bins include scores outside the range."""
    images: int


@dataclass(frozen=True, slots=True)
class WorstRow:
    """One of the largest test errors of the arm with the highest val kappa; outputs are means over seeds."""

    method: str
    arm: str
    head: Head
    """The main head, whose error ranks the images."""
    image_id: str
    grade: int
    output: float
    """Score, or the expected grade of the probabilities."""
    sd: float
    """Standard deviation over seeds; NaN for a single seed."""
    predicted: str
    """Predicted grade of each seed, separated by spaces."""
    prob_0: float
    """Mean probability; all five are NaN for an arm without probabilities."""
    prob_1: float
    prob_2: float
    prob_3: float
    prob_4: float
    seeds: str


def calibration_rows(by_arm: PredictionsByArm) -> Iterator[CalibrationRow]:
    """Build a row per run with probabilities and bin that is not empty."""
    for (arm, split), runs in by_arm.items():
        for result, predictions in runs if split == SPLIT else ():
            if predictions.prob is None:
                continue
            confidence = predictions.prob.max(1).clip(0, 1).astype(np.float64)
            bins = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
            correct = predictions.prob.argmax(1) == predictions.grade
            for index in np.unique(bins):
                members = bins == index
                means = float(confidence[members].mean()), float(correct[members].mean())
                yield CalibrationRow(*arm, result.seed, int(index), int(members.sum()), *means)


def score_rows(by_arm: PredictionsByArm) -> Iterator[ScoreRow]:
    """Build a row per arm with scores, label and bin that is not empty."""
    n_bins = round((SCORE_MAX - SCORE_MIN) / SCORE_BIN_WIDTH)
    for (arm, split), runs in by_arm.items():
        scores = [one.score for _, one in runs if split == SPLIT and one.score is not None]
        if not scores:
            continue
        indices = np.floor((np.stack(scores).astype(np.float64) - SCORE_MIN) / SCORE_BIN_WIDTH)
        bins = np.clip(indices, 0, n_bins - 1).astype(np.int64)
        for grade in range(GRADES):
            counts = np.bincount(bins[:, runs[0][1].grade == grade].ravel(), minlength=n_bins)
            for index in np.flatnonzero(counts):
                yield ScoreRow(*arm, grade, round(SCORE_MIN + SCORE_BIN_WIDTH * int(index), 6), int(counts[index]))


def worst_rows(by_arm: PredictionsByArm) -> Iterator[WorstRow]:
    """Build the rows of the worst errors on test of the arm that is best on val, worst first; none without arms."""
    if not by_arm:
        return
    arm = best_arm(by_arm)
    runs = by_arm[arm, SPLIT]
    head = main_head(runs[0][0])
    outputs = np.stack([output_of(head, predictions) for _, predictions in runs])
    predicted = np.stack([apply_rule(DEFAULT[head], predictions) for _, predictions in runs])
    first = runs[0][1]
    errors = np.abs(outputs - first.grade).mean(0)
    for index in np.argsort(-errors, kind="stable")[:N_WORST]:
        values = outputs[:, index]
        means = _mean_probabilities([predictions for _, predictions in runs], int(index))
        yield WorstRow(
            method=arm.method,
            arm=arm.name,
            head=head,
            image_id=str(first.image_id[index]),
            grade=int(first.grade[index]),
            output=float(values.mean()),
            sd=float(values.std(ddof=1)) if len(values) > 1 else float("nan"),
            predicted=" ".join(map(str, predicted[:, index])),
            **dict(zip(PROBS, means, strict=True)),
            seeds=" ".join(str(result.seed) for result, _ in runs),
        )


def best_arm(by_arm: PredictionsByArm) -> Arm:
    """Return the arm whose main output has the highest mean kappa on val; ties go to the arm declared first."""
    arms = [arm for arm, split in by_arm if split == "val"]
    return max(arms, key=lambda arm: np.mean([default_kappa(main_head(run), one) for run, one in by_arm[arm, "val"]]))


def main_head(result: Run) -> Head:
    """Return the score if the run has scores, else the probabilities."""
    return result.heads[0]


def output_of(head: Head, predictions: Predictions) -> Floats:
    """Return a number per image on the scale of the grades: the score, or the expected grade of the probabilities."""
    if head == "score":
        assert predictions.score is not None
        return predictions.score.astype(np.float64)
    assert predictions.prob is not None
    expected: Floats = predictions.prob.astype(np.float64) @ np.arange(GRADES)
    return expected


def _mean_probabilities(runs: Iterable[Predictions], index: int) -> list[float]:
    probs = [predictions.prob[index] for predictions in runs if predictions.prob is not None]
    return np.mean(probs, axis=0).tolist() if probs else [float("nan")] * GRADES
