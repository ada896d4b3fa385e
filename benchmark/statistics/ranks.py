"""Probability of each rank of each arm, among the arms of an input size.

One resample of patients is shared by all arms, so hard and easy patients move all of them together. The error over
seeds is added to each arm's mean kappa: a multivariate Student's t with the covariance of the arms over the seeds that
they share. Ranks are counted over the resamples. A probability describes other patients and other seeds; it is not the
result of a test. An arm whose kappa is not clear of 0, agreement by chance, is behind all others and has no rank.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import pairwise

import numpy as np

from benchmark.common.arrays import Floats, Ints
from benchmark.common.terms import EVALUATED, Arm, Size, Split
from benchmark.evaluation.outputs import main_head
from benchmark.runs.predictions import patients_in_words
from benchmark.runs.spec import ArmResult
from benchmark.statistics.bootstrap import N_RESAMPLES, Graded, collapse, kappa_of_sums, resample
from benchmark.statistics.confidence import CONFIDENCE_LEVEL
from benchmark.statistics.estimates import Estimate, Kind, Side
from benchmark.statistics.graded_runs import GradedRuns

_TIE = 1e-9
"""Ties in kappa below this are broken at random."""


def rank_estimates(runs: GradedRuns, n_resamples: int = N_RESAMPLES) -> Iterator[Estimate]:
    """Estimate the probability of every rank by size, split and arm; a size with one arm has no ranks."""
    sizes: dict[Size, list[Arm]] = {}
    for arm, results in runs.runs.items():
        if not isinstance(results[0], ArmResult):
            continue  # Compared systems, some of which read both eyes, are ranked apart.
        sizes.setdefault(results[0].size, []).append(arm)
    for size, arms in sizes.items():
        for split in EVALUATED:
            if len(arms) > 1 and len(runs.outputs[arms[0], split][0]):
                sides = [(arm, main_head(runs.runs[arm][0])) for arm in arms]
                yield from ranked(runs, "rank", size, sides, split, n_resamples)


def ranked(
    runs: GradedRuns,
    kind: Kind,
    about: str,
    sides: Sequence[Side],
    split: Split,
    n_resamples: int,
    only: Collection[Side] = (),
) -> Iterator[Estimate]:
    """Rank some arms, each by one head, on a split; yield only the rows of ``only`` if given."""
    arms = [arm for arm, _ in sides]
    graded = [runs.grades[*side, split] for side in sides]
    seeds = [[run.seed for run in runs.runs[arm]] for arm in arms]
    for side, row in zip(sides, rank_probabilities(graded, seeds, n_resamples), strict=True):
        if only and side not in only:
            continue
        for rank, probability in enumerate(row, 1):
            yield Estimate(
                kind=kind,
                about=about,
                method=side[0].method,
                arm=side[0].name,
                head=side[1],
                split=split,
                quantity="rank probability",
                rank=rank,
                estimate=float(probability),
                resampled=runs.resampled(*arms),
                n_images=len(graded[0].grade),
                n_patients=patients_in_words(graded[0].patient),
                seeds=runs.seeds(*arms),
                n_resamples=n_resamples,
                data=runs.data.name,
                synthetic=runs.data.synthetic,
            )


def rank_probabilities(
    arms: Sequence[Graded], seeds: Sequence[Sequence[int]], n_resamples: int, seed: int = 0
) -> Floats:
    """Compute the probability of each rank of each arm.

    Args:
        arms: runs of each arm on the same images in the same order.
        seeds: of each arm's runs.
        n_resamples: resamples of the patients.
        seed: of the draws.

    Returns:
        Shape (arms, ranks); the rows sum to 1. NaN for an arm whose kappa is undefined or not clear of 0.
    """
    first = arms[0]
    patterns = collapse(first.patient, first.grade, np.concatenate([arm.predicted for arm in arms]))
    kappas = kappa_of_sums(resample(patterns, patterns.kappa_sums, n_resamples, seed))
    own = kappa_of_sums(patterns.patients @ patterns.kappa_sums)
    ends = np.cumsum([0, *(len(arm.predicted) for arm in arms)])
    parts = [slice(low, high) for low, high in pairwise(ends)]
    rng = np.random.default_rng(seed + 1)
    errors = _seed_errors([own[part] for part in parts], seeds, n_resamples, rng)
    drawn = np.stack([kappas[part].mean(0) for part in parts], axis=1) + errors
    # Quantiles of infinities are not defined; every finite kappa is above -9.
    clear = np.quantile(np.nan_to_num(drawn, nan=-9), (1 - CONFIDENCE_LEVEL) / 2, axis=0) > 0
    drawn = np.where(clear, drawn, -np.inf) + _TIE * rng.standard_normal(drawn.shape)
    ranks: Ints = np.argsort(np.argsort(-drawn, axis=1), axis=1)
    counts = [np.bincount(column, minlength=len(arms)) for column in ranks.T]
    probabilities: Floats = np.stack(counts) / n_resamples
    return np.where(clear[:, None], probabilities, np.nan)


def _seed_errors(
    kappas: Sequence[Floats], seeds: Sequence[Sequence[int]], n_resamples: int, rng: np.random.Generator
) -> Floats:
    """Draw errors of the arms' means over seeds, shape (n_resamples, arms): Student's t, correlated by shared seeds."""
    known = dict.fromkeys(one for listed in seeds for one in listed)
    normal: Mapping[int, Floats] = {one: rng.standard_normal(n_resamples) for one in known}
    spread = {runs: np.sqrt((runs - 1) / rng.chisquare(runs - 1, n_resamples)) for runs in {*map(len, kappas)} - {1}}
    errors = np.zeros((n_resamples, len(kappas)))
    for column, (values, listed) in enumerate(zip(kappas, seeds, strict=True)):
        runs = len(values)
        if runs > 1:
            scaled = (values - values.mean()) / np.sqrt(runs * (runs - 1))
            draws = sum(weight * normal[one] for weight, one in zip(scaled, listed, strict=True))
            errors[:, column] = draws * spread[runs]
    return errors
