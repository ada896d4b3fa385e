"""Cutting numbers into grades, and where to cut for the highest quadratic weighted kappa."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from benchmark.common.arrays import Floats, Grades

GRADES = 5
Cuts = tuple[float, float, float, float]
"""Ascending places between grades 0 | 1 | 2 | 3 | 4; a value on a cut belongs to the upper grade."""
NEAREST: Cuts = (0.5, 1.5, 2.5, 3.5)
"""Cuts half-way between the grades."""


def cut(values: npt.NDArray[np.float32] | Floats, cuts: Cuts) -> Grades:
    """Grade of each value, shape (n,): how many cuts it reaches."""
    return np.searchsorted(np.asarray(cuts), values.astype(np.float64), side="right").astype(np.int64)


def best_cuts(values: npt.NDArray[np.float32] | Floats, grade: Grades) -> Cuts:
    """The four cuts with the highest quadratic weighted kappa of all: exact, not a local search.

    Kappa is 1 - observed / chance disagreement, and both are sums over images of a cost that depends on the image's own
    grade. For a fixed ratio, the cuts that minimise observed - ratio * chance follow from one pass over the sorted
    values (each cut's best place given that of the next); repeating with the ratio they reach climbs to the optimum in
    a few rounds (Dinkelbach 1967). Cuts lie half-way between neighbouring values; of equals the lower one is taken.
    Where no cuts do better than chance, those half-way between the grades are returned.

    Args:
        values: shape (n,).
        grade: labels 0-4, shape (n,), of at least two grades.
    """
    distinct, labels = _labels_by_value(values.astype(np.float64), grade)
    cost = np.subtract.outer(np.arange(GRADES), np.arange(GRADES)).astype(np.float64) ** 2
    # Both times the number of images: whole numbers, so that sums are exact and a constant grade has the ratio 1.
    chance = np.outer(labels.sum(1), cost @ labels.sum(0))
    observed = labels @ cost * labels.sum()
    # Entry [t, g]: the cost of giving the grade g to the t lowest of the distinct values.
    observed, chance = (np.vstack([np.zeros(GRADES), part.cumsum(0)]) for part in (observed, chance))
    ratio, cuts = 1.0, NEAREST
    while True:
        places = _best_places(observed - ratio * chance)
        reached = _total(observed, places) / _total(chance, places)
        if reached >= ratio:
            return cuts
        ratio, cuts = reached, _between(distinct, places)


def _labels_by_value(values: Floats, grade: Grades) -> tuple[Floats, Floats]:
    """Distinct values in ascending order, shape (m,), and the labels' counts at each, shape (m, 5)."""
    distinct, place = np.unique(values, return_inverse=True)
    counts = np.bincount(place * GRADES + grade, minlength=len(distinct) * GRADES)
    return distinct, counts.reshape(-1, GRADES).astype(np.float64)


def _best_places(cost: Floats) -> npt.NDArray[np.int64]:
    """How many distinct values to leave below each of the four cuts, for the least total cost."""
    steps = (cost[:, :-1] - cost[:, 1:]).T
    totals = [steps[0]]
    for step in steps[1:]:
        totals.append(np.minimum.accumulate(totals[-1]) + step)
    places = [len(cost) - 1]
    for total in reversed(totals):
        places.append(int(total[: places[-1] + 1].argmin()))
    return np.array(places[:0:-1], np.int64)


def _total(cost: Floats, places: npt.NDArray[np.int64]) -> float:
    """Cost of cutting at these places."""
    edges = np.concatenate([[0], places, [len(cost) - 1]])
    return float(sum(cost[edges[g + 1], g] - cost[edges[g], g] for g in range(GRADES)))


def _between(distinct: Floats, places: npt.NDArray[np.int64]) -> Cuts:
    """Cuts in the middle of the gaps at these places; outside all values, half a grade away from the outermost."""
    padded = np.concatenate([[distinct[0] - 1], distinct, [distinct[-1] + 1]])
    below, above = padded[places], padded[places + 1]
    middle = (below + above) / 2
    # Between neighbouring floats there is no middle, and the upper one must stay above the cut.
    a, b, c, d = np.where(middle > below, middle, above).tolist()
    return a, b, c, d
