"""Thresholds between grades: grading by them, and finding those with the highest quadratic weighted kappa."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from benchmark.common.arrays import Floats, Grades
from benchmark.common.terms import GRADES

Thresholds = tuple[float, float, float, float]
"""Ascending thresholds between the grades 0 | 1 | 2 | 3 | 4; a value on a threshold gets the upper grade."""
NEAREST: Thresholds = (0.5, 1.5, 2.5, 3.5)
"""Thresholds half-way between the grades."""


def apply_thresholds(values: npt.NDArray[np.float32] | Floats, thresholds: Thresholds) -> Grades:
    """Grade each value, shape (n,), by the number of thresholds that it reaches."""
    return np.searchsorted(np.asarray(thresholds), values.astype(np.float64), side="right").astype(np.int64)


def best_thresholds(values: npt.NDArray[np.float32] | Floats, grade: Grades) -> Thresholds:
    """Find the four thresholds with the highest quadratic weighted kappa, exactly rather than by local search.

    Kappa is 1 - observed / chance disagreement. Both are sums over images of a cost that depends only on the image's
    own grade. For a fixed ratio, one pass over the sorted values finds the thresholds that minimise observed - ratio *
    chance (the best position of each threshold, given that of the next). Repeating this with the ratio reached climbs
    to the optimum in a few rounds (Dinkelbach 1967). Thresholds are half-way between neighbouring values; of equally
    good ones the lower is taken. If no thresholds are better than chance, the result is :data:`NEAREST`. The labels
    must have at least two grades.
    """
    distinct, labels = _labels_by_value(values.astype(np.float64), grade)
    cost = np.subtract.outer(np.arange(GRADES), np.arange(GRADES)).astype(np.float64) ** 2
    # Both times the number of images: whole numbers, so that sums are exact and a constant grade has the ratio 1.
    chance = np.outer(labels.sum(1), cost @ labels.sum(0))
    observed = labels @ cost * labels.sum()
    # Entry [t, g]: the cost of giving grade g to the t lowest of the distinct values.
    observed, chance = (np.vstack([np.zeros(GRADES), part.cumsum(0)]) for part in (observed, chance))
    ratio, thresholds = 1.0, NEAREST
    while True:
        positions = _best_positions(observed - ratio * chance)
        reached = _total(observed, positions) / _total(chance, positions)
        if reached >= ratio:
            return thresholds
        ratio, thresholds = reached, _between(distinct, positions)


def _labels_by_value(values: Floats, grade: Grades) -> tuple[Floats, Floats]:
    """Return the distinct values in ascending order, shape (m,), and the label counts of each, shape (m, 5)."""
    distinct, index = np.unique(values, return_inverse=True)
    counts = np.bincount(index * GRADES + grade, minlength=len(distinct) * GRADES)
    return distinct, counts.reshape(-1, GRADES).astype(np.float64)


def _best_positions(cost: Floats) -> npt.NDArray[np.int64]:
    """Return the number of distinct values below each of the four thresholds that gives the least total cost."""
    steps = (cost[:, :-1] - cost[:, 1:]).T
    totals = [steps[0]]
    for step in steps[1:]:
        totals.append(np.minimum.accumulate(totals[-1]) + step)
    positions = [len(cost) - 1]
    for total in reversed(totals):
        positions.append(int(total[: positions[-1] + 1].argmin()))
    return np.array(positions[:0:-1], np.int64)


def _total(cost: Floats, positions: npt.NDArray[np.int64]) -> float:
    """Return the cost of grading by thresholds at these positions."""
    edges = np.concatenate([[0], positions, [len(cost) - 1]])
    return float(sum(cost[edges[g + 1], g] - cost[edges[g], g] for g in range(GRADES)))


def _between(distinct: Floats, positions: npt.NDArray[np.int64]) -> Thresholds:
    """Return thresholds in the middle of these gaps; outside all values, half a grade away from the outermost."""
    padded = np.concatenate([[distinct[0] - 1], distinct, [distinct[-1] + 1]])
    below, above = padded[positions], padded[positions + 1]
    middle = (below + above) / 2
    # Two adjacent floats have no middle; the upper one must still reach the threshold.
    a, b, c, d = np.where(middle > below, middle, above).tolist()
    return a, b, c, d
