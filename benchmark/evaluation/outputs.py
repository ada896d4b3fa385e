"""What the outputs look like on test: how sure they are and how often right, scores by label, and the worst errors."""

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
WORST = 20
"""Photographs that are shown of the arm that is best on val."""
STEP = 0.1
"""Width of the bars that scores are counted in."""
LOW, HIGH = -0.5, GRADES - 0.5
"""What lies beyond is counted at the ends."""

Read = Mapping[tuple[Arm, Split], Sequence[tuple[RunResult, Predictions]]]
"""Runs of each arm and what they predict on a split, in the order of their seeds."""


@dataclass(frozen=True, slots=True)
class CalibrationRow:
    """Images of one run whose most probable grade has a probability in one bin of the calibration error."""

    method: str
    arm: str
    seed: int
    bin: int
    """From 0, of bins of equal width, as many as the metric ``ece`` has; a probability of 1 is in the last."""
    images: int
    confidence: float
    """Mean probability of the most probable grade."""
    accuracy: float
    """Share of them whose label it is."""


@dataclass(frozen=True, slots=True)
class ScoreRow:
    """How many images of one label have a score in one bar, all seeds of an arm together."""

    method: str
    arm: str
    grade: int
    low: float
    """Where the bar begins; it is 0.1 wide, and the outermost ones hold what lies beyond."""
    images: int


@dataclass(frozen=True, slots=True)
class WorstRow:
    """An image that the arm with the highest val kappa grades farthest from its label; outputs are means over seeds."""

    method: str
    arm: str
    head: Head
    """The main one, by which images are chosen."""
    image_id: str
    grade: int
    output: float
    """Score or, of probabilities, the expected grade."""
    sd: float
    """Over seeds; NaN for a single one."""
    predicted: str
    """Decoded grade by seed."""
    prob_0: float
    """NaN, as those below, without that head."""
    prob_1: float
    prob_2: float
    prob_3: float
    prob_4: float
    seeds: str


def calibration_rows(read: Read) -> Iterator[CalibrationRow]:
    """A row per run with probabilities and bin that holds an image."""
    for (arm, split), runs in read.items():
        for result, predictions in runs if split == SPLIT else ():
            if predictions.prob is None:
                continue
            confidence = predictions.prob.max(1).clip(0, 1).astype(np.float64)
            place = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
            right = predictions.prob.argmax(1) == predictions.grade
            for one in np.unique(place):
                held = place == one
                means = float(confidence[held].mean()), float(right[held].mean())
                yield CalibrationRow(*arm, result.seed, int(one), int(held.sum()), *means)


def score_rows(read: Read) -> Iterator[ScoreRow]:
    """A row per arm with scores, label and bar that holds an image."""
    bars = round((HIGH - LOW) / STEP)
    for (arm, split), runs in read.items():
        scores = [one.score for _, one in runs if split == SPLIT and one.score is not None]
        if not scores:
            continue
        places = np.clip(np.floor((np.stack(scores).astype(np.float64) - LOW) / STEP), 0, bars - 1).astype(np.int64)
        for grade in range(GRADES):
            counts = np.bincount(places[:, runs[0][1].grade == grade].ravel(), minlength=bars)
            for place in np.flatnonzero(counts):
                yield ScoreRow(*arm, grade, round(LOW + STEP * int(place), 6), int(counts[place]))


def worst_rows(read: Read) -> Iterator[WorstRow]:
    """The worst errors on test of the best arm on val, the worst first."""
    arm = best_arm(read)
    runs = read[arm, SPLIT]
    head = main_head(runs[0][0])
    outputs = np.stack([output_of(head, predictions) for _, predictions in runs])
    decoded = np.stack([apply_rule(DEFAULT[head], predictions) for _, predictions in runs])
    first = runs[0][1]
    far = np.abs(outputs - first.grade).mean(0)
    for place in np.argsort(-far, kind="stable")[:WORST]:
        values = outputs[:, place]
        means = _mean_probabilities([one for _, one in runs], int(place))
        yield WorstRow(
            method=arm.method,
            arm=arm.name,
            head=head,
            image_id=str(first.image_id[place]),
            grade=int(first.grade[place]),
            output=float(values.mean()),
            sd=float(values.std(ddof=1)) if len(values) > 1 else float("nan"),
            predicted=" ".join(map(str, decoded[:, place])),
            **dict(zip(PROBS, means, strict=True)),
            seeds=" ".join(str(result.seed) for result, _ in runs),
        )


def best_arm(read: Read) -> Arm:
    """The arm whose main output has the highest mean kappa on val; the first declared of equal ones."""
    arms = [arm for arm, split in read if split == "val"]
    return max(arms, key=lambda arm: np.mean([default_kappa(main_head(run), one) for run, one in read[arm, "val"]]))


def main_head(result: Run) -> Head:
    """Scores where there are scores, else probabilities."""
    return result.heads[0]


def output_of(head: Head, predictions: Predictions) -> Floats:
    """A number on the scale of the grades per image: the score, or the expected grade of the probabilities."""
    if head == "score":
        assert predictions.score is not None
        return predictions.score.astype(np.float64)
    assert predictions.prob is not None
    expected: Floats = predictions.prob.astype(np.float64) @ np.arange(GRADES)
    return expected


def _mean_probabilities(runs: Iterable[Predictions], place: int) -> list[float]:
    found = [one.prob[place] for one in runs if one.prob is not None]
    return np.mean(found, axis=0).tolist() if found else [float("nan")] * GRADES
