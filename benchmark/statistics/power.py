"""Seeds and patients that a claim needs, planned from the verdicts on a finished experiment."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmark.statistics.comparison import POWER
from benchmark.statistics.confidence import CONFIDENCE_LEVEL, Confidence, Spread, sd_bias

MAX_SEEDS, MAX_PATIENTS = 1000, 10_000_000
"""Numbers above which a difference counts as not reachable."""
_RESAMPLES = 500
"""Number of points of the normal distribution over patients."""


@dataclass(frozen=True, slots=True)
class Variation:
    """Standard deviations of a difference for one pair of runs and for one patient; larger samples average them."""

    run: float
    patient: float

    def confidence(self, runs: int, patients: int) -> Confidence:
        """Return the distribution that an experiment of this size finds on average, around 0."""
        from scipy.special import ndtri

        normal = ndtri((np.arange(_RESAMPLES) + 0.5) / _RESAMPLES)
        spread = Spread(self.run * sd_bias(runs - 1) / runs**0.5, runs - 1)
        return Confidence(0.0, self.patient / patients**0.5 * normal, spread, patients)

    def detectable(self, runs: int, patients: int) -> float:
        """Return the true difference whose interval excludes 0 with a power of 80 %."""
        return self.confidence(runs, patients).min_detectable_difference(POWER)


@dataclass(frozen=True, slots=True)
class Needed:
    """Seeds and patients that a claim needs; None where no such number suffices."""

    claim: str
    part: str
    split: str
    difference: float
    """Smallest difference of interest, the margin of the verdict."""
    seeds: int
    patients: int
    """Number of patients of the finished experiment; an image of an unknown patient counts as one."""
    detectable: float
    """Smallest true difference that the finished experiment detects with a power of 80 %."""
    seeds_needed: int | None
    """Number of seeds for as many patients."""
    patients_needed: int | None
    """Number of patients for as many seeds."""
    both: tuple[int, int] | None
    """Seeds and patients together, where each causes half of the variance."""


def needed(row: Mapping[str, str]) -> Needed | None:
    """Plan a claim from a row of ``verdicts.csv`` as text; None if it has no seed variance."""
    if not row["run_low"]:
        return None
    low, high, run_low, run_high, margin = (
        float(row[name]) for name in ("low", "high", "run_low", "run_high", "margin")
    )
    runs, patients = min(len(side.split()) for side in row["seeds"].split("|")), _patients(row)
    found = variation((high - low) / 2, (run_high - run_low) / 2, runs, patients)
    seed_counts, patient_counts = range(2, MAX_SEEDS + 1), range(2, MAX_PATIENTS + 1)
    seeds_of_both = _first(seed_counts, lambda n: found.detectable(n, MAX_PATIENTS) <= margin / 2**0.5)
    both = seeds_of_both and _first(patient_counts, lambda n: found.detectable(seeds_of_both, n) <= margin)
    return Needed(
        claim=row["claim"],
        part=row["part"],
        split=row["split"],
        difference=margin,
        seeds=runs,
        patients=patients,
        detectable=found.detectable(runs, patients),
        seeds_needed=_first(seed_counts, lambda n: found.detectable(n, patients) <= margin),
        patients_needed=_first(patient_counts, lambda n: found.detectable(runs, n) <= margin),
        both=(seeds_of_both, both) if seeds_of_both and both else None,
    )


def variation(half_width: float, one_run: float, runs: int, patients: int) -> Variation:
    """Recover the standard deviations of a difference from its intervals.

    Args:
        half_width: half of the width of its confidence interval.
        one_run: that of the prediction interval of one further pair of runs.
        runs: number of pairs of runs.
        patients: number of patients.
    """
    from scipy.optimize import brentq

    # The interval of one further run is proportional to the standard deviation.
    run = one_run / Variation(1.0, 0.0).confidence(runs, patients).of_one_run(CONFIDENCE_LEVEL)[1]

    def excess(patient: float) -> float:
        return Variation(run, patient).confidence(runs, patients).interval().high - half_width

    return Variation(run, brentq(excess, 0.0, half_width * patients**0.5) if excess(0.0) < 0 else 0.0)


def _first(numbers: Sequence[int], enough: Callable[[int], bool]) -> int | None:
    """Return the first of ascending numbers that is enough; None if none is."""
    place = bisect_left(numbers, True, key=enough)
    return numbers[place] if place < len(numbers) else None


def _patients(row: Mapping[str, str]) -> int:
    """Return the number of patients, each image of an unknown patient as one."""
    known = row["n_patients"].partition(",")[0]
    return int(known) if known.isdigit() else int(row["n_images"])
