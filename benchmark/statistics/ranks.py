"""Which arm is best, and how sure that is: for every arm of an input size, the probability of each rank.

One resample of patients is shared by all arms, so what makes a patient easy or hard moves them together. To each arm's
mean kappa the error of its seeds is added, a multivariate Student's t with the covariance of the arms over the seeds
that they share. Ranks are counted over the replicates. A probability says what other patients and other seeds would
give; it is no test, and none is made of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from benchmark.common.arrays import Floats, Ints
from benchmark.common.terms import EVALUATED, Arm, Head, Size, Split
from benchmark.evaluation.outputs import main_head
from benchmark.runs.predictions import patients_in_words
from benchmark.scoring.kappa import kappa_of_parts
from benchmark.statistics.bootstrap import REPLICATES, Graded, collapse, resample
from benchmark.statistics.decoded import ALONE, STATISTICS, Decoded

RANKS = STATISTICS / "ranks.csv"
_TIE = 1e-9
"""Kappas closer than this are ranked by lot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RankRow:
    """How probable one rank is of one arm's main output, among the arms of its size on a split."""

    size: Size
    split: Split
    stage: str
    arm: str
    head: Head
    rank: int
    """1 is the highest kappa."""
    probability: float
    arms: int
    """That are ranked."""
    over: str
    images: int
    patients: str
    seeds: str
    replicates: int
    data: str
    synthetic: bool


def rank_rows(decoded: Decoded, replicates: int = REPLICATES) -> Iterator[RankRow]:
    """A row per size, split, arm and rank; a size with one arm has none, nor a split without images."""
    sizes: dict[Size, list[Arm]] = {}
    for arm, runs in decoded.runs.items():
        if runs[0].roles:
            continue  # Other systems, some of which read both eyes, are ranked apart.
        sizes.setdefault(runs[0].size, []).append(arm)
    for size, arms in sizes.items():
        for split in EVALUATED:
            if len(arms) > 1 and len(decoded.outputs[arms[0], split][0]):
                yield from _rows(decoded, size, split, arms, replicates)


def _rows(decoded: Decoded, size: Size, split: Split, arms: Sequence[Arm], replicates: int) -> Iterator[RankRow]:
    heads = {arm: main_head(decoded.runs[arm][0]) for arm in arms}
    graded = [decoded.grades[arm, heads[arm], split] for arm in arms]
    seeds = [[run.seed for run in decoded.runs[arm]] for arm in arms]
    probabilities = rank_probabilities(graded, seeds, replicates)
    for arm, row in zip(arms, probabilities, strict=True):
        for rank, probability in enumerate(row, 1):
            yield RankRow(
                size=size,
                split=split,
                stage=arm.stage,
                arm=arm.name,
                head=heads[arm],
                rank=rank,
                probability=float(probability),
                arms=len(arms),
                over=ALONE if decoded.over(*arms) == ALONE else "seeds and patients",
                images=len(graded[0].grade),
                patients=patients_in_words(graded[0].patient),
                seeds=decoded.seeds(*arms),
                replicates=replicates,
                data=decoded.data.name,
                synthetic=decoded.data.synthetic,
            )


def rank_probabilities(
    arms: Sequence[Graded], seeds: Sequence[Sequence[int]], replicates: int, seed: int = 0
) -> Floats:
    """Probability of each rank of each arm.

    Args:
        arms: runs of each arm on the same images in the same order.
        seeds: of each arm's runs.
        replicates: resamples of the patients.
        seed: of the draws.

    Returns:
        Shape (arms, ranks); rows and columns sum to 1. An undefined kappa ranks last.
    """
    first = arms[0]
    patterns = collapse(first.patient, first.grade, np.concatenate([arm.predicted for arm in arms]))
    kappas = kappa_of_parts(resample(patterns, patterns.kappa_parts, replicates, seed))
    own = kappa_of_parts(np.tensordot(patterns.patients, patterns.kappa_parts, 1))
    ends = np.cumsum([0, *(len(arm.predicted) for arm in arms)])
    parts = [slice(low, high) for low, high in pairwise(ends)]
    rng = np.random.default_rng(seed + 1)
    errors = _seed_errors([own[part] for part in parts], seeds, replicates, rng)
    drawn = np.stack([kappas[:, part].mean(1) for part in parts], axis=1) + errors
    drawn = np.nan_to_num(drawn, nan=-np.inf) + _TIE * rng.standard_normal(drawn.shape)
    ranks: Ints = np.argsort(np.argsort(-drawn, axis=1), axis=1)
    counts = [np.bincount(column, minlength=len(arms)) for column in ranks.T]
    shares: Floats = np.stack(counts) / replicates
    return shares


def _seed_errors(
    kappas: Sequence[Floats], seeds: Sequence[Sequence[int]], replicates: int, rng: np.random.Generator
) -> Floats:
    """Errors of the arms' means over seeds, shape (replicates, arms): Student's t, correlated by shared seeds."""
    known = dict.fromkeys(one for listed in seeds for one in listed)
    normal: Mapping[int, Floats] = {one: rng.standard_normal(replicates) for one in known}
    spread = {runs: np.sqrt((runs - 1) / rng.chisquare(runs - 1, replicates)) for runs in {*map(len, kappas)} - {1}}
    errors = np.zeros((replicates, len(kappas)))
    for column, (values, listed) in enumerate(zip(kappas, seeds, strict=True)):
        runs = len(values)
        if runs > 1:
            scaled = (values - values.mean()) / np.sqrt(runs * (runs - 1))
            draws = sum(weight * normal[one] for weight, one in zip(scaled, listed, strict=True))
            errors[:, column] = draws * spread[runs]
    return errors
