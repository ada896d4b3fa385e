"""Kappa by group of test photographs: the side of the eye, the size of the photograph, and issues of the data checks.

The worst of several groups is the worst partly by chance, so its own 95 % interval would miss more often. The groups of
a property therefore have simultaneous intervals: each of k groups has the level 1 - 0.05 / k (Bonferroni), and all
cover together, whichever is selected. Kappa also depends on the frequencies of the grades, in which groups differ.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt

from benchmark.common.arrays import Ints
from benchmark.common.csv_rows import read_rows
from benchmark.common.terms import Arm, Split
from benchmark.data.manifest import MANIFEST, ManifestRow, read_manifest
from benchmark.data.outcome import CHECKS_CSV, SEPARATOR, CheckRow
from benchmark.runs.predictions import Predictions
from benchmark.runs.spec import PredictionsRun
from benchmark.scoring.rules import rule_of, tuned_on
from benchmark.statistics.bootstrap import N_RESAMPLES, Graded, kappa_interval
from benchmark.statistics.confidence import CONFIDENCE_LEVEL, Interval
from benchmark.statistics.estimates import Estimate, estimate_of
from benchmark.statistics.graded_runs import GradedRuns, on_every_core

SPLIT: Final[Split] = "test"
MIN_IMAGES = 50
"""Groups with fewer images are left out."""
MAX_SIZES = 5
"""Number of sizes with a group of their own, the most frequent ones; the others are one group."""
QUALITY_CHECKS = ("black", "tiny", "fundus")
"""Checks of a single photograph."""

Names = npt.NDArray[np.str_]
Mask = npt.NDArray[np.bool_]


def group_estimates(runs: GradedRuns) -> list[Estimate]:
    """Estimate kappa of each arm's main output in each group on test, without the compared systems trained here."""
    arms = [arm for arm, (run, *_) in runs.runs.items() if not run.system or isinstance(run, PredictionsRun)]
    if not arms:
        return []
    first = runs.outputs[arms[0], SPLIT][0]  # All runs have the same images in one order.
    groups = {name: large_groups(names, first.grade) for name, names in properties(first).items()}
    asked = [(arm, name, masks) for arm in arms for name, masks in groups.items()]
    found = on_every_core(lambda each: list(_rows(runs, *each)), asked)
    return [row for rows in found for row in rows]


def _rows(runs: GradedRuns, arm: Arm, name: str, masks: Mapping[str, Mask]) -> Iterator[Estimate]:
    run, head = runs.runs[arm][0], runs.runs[arm][0].heads[0]
    for group, (grades, interval) in group_intervals(runs.grades[arm, head, SPLIT], masks).items():
        kappas = grades.kappas
        yield estimate_of(
            runs,
            "group",
            [(arm, head)],
            SPLIT,
            interval,
            grades,
            about=f"{name}: {group}",
            rule=rule_of(run, head),
            tuned_on=tuned_on(run, head),
            sd=float(np.std(kappas, ddof=1)) if len(kappas) > 1 else np.nan,
        )


def group_intervals(
    every: Graded, masks: Mapping[str, Mask], n_resamples: int = N_RESAMPLES
) -> dict[str, tuple[Graded, Interval]]:
    """Return the grades of each group and the interval of their kappa, which cover the kappas of all groups together.

    ``masks`` are the members of each group, shape (n,).
    """
    level, found = 1 - (1 - CONFIDENCE_LEVEL) / max(len(masks), 1), {}
    for group, mask in masks.items():
        members = {column: getattr(every, column)[mask] for column in ("image_id", "patient", "grade")}
        grades = replace(every, **members, predicted=every.predicted[:, mask])
        found[group] = grades, kappa_interval(grades, confidence_level=level, n_resamples=n_resamples)
    return found


def properties(predictions: Predictions) -> dict[str, Names]:
    """Return the group of each photograph by property, shape (n,); empty where it is not known."""
    names = predictions.image_id.tolist()
    sizes = {one.image_id: f"{one.width} x {one.height} px" for one in _manifest() if one.width}
    frequent = {size for size, _ in Counter(sizes.get(name, "") for name in names).most_common(MAX_SIZES)}
    found = {name: size if size in frequent else "other" for name, size in sizes.items()}
    return {
        "eye": np.where(np.isin(predictions.eye, ("left", "right")), predictions.eye, ""),
        "size": np.array([found.get(name, "") for name in names]),
        "data checks": _quality(names),
    }


def large_groups(names: Names, grade: Ints) -> dict[str, Mask]:
    """Return the members of each group with enough images and several grades; none if fewer than two groups are left.

    Args:
        names: group of each image, shape (n,); empty where it is not known.
        grade: labels 0-4, shape (n,).
    """
    every = {str(name): names == name for name in np.unique(names) if name}
    large = {name: mask for name, mask in every.items() if mask.sum() >= MIN_IMAGES and len(np.unique(grade[mask])) > 1}
    return large if len(large) > 1 else {}


def _manifest() -> list[ManifestRow]:
    return read_manifest() if MANIFEST.exists() else []


def _quality(names: Sequence[str]) -> Names:
    """Return whether each photograph has an issue in the checks of single photographs, in words."""
    rows = read_rows(CHECKS_CSV, CheckRow, "fundusbench fetch") if CHECKS_CSV.exists() else []
    checked = [row for row in rows if row.check in QUALITY_CHECKS and row.n_checked]
    flagged = {image for row in checked for image in row.images.split(SEPARATOR)}
    return np.array([("an issue" if name in flagged else "no issue") if checked else "" for name in names], np.str_)
