"""Check that grades cannot be predicted without the retina, from the frame, the mean colours or facts about the file.

In some data sets a grade comes from one camera or clinic more than from another. A network can then reach a high kappa
without any lesion, which no other data set confirms. Compare every kappa with this one, or prepare the centre alone.
"""

from __future__ import annotations

from benchmark.data.checks.registry import CheckInfo, CheckResult, InspectedDataset, Issue
from benchmark.data.shortcuts import FEATURE_SETS, TOO_FEW, graded_photographs, kappas, predict_from_shortcuts

ABOUT = CheckInfo(
    "grades cannot be predicted without the retina",
    default="warn",
    policies=("stop", "warn"),
    unit="feature sets",
    order=120,
)

MAX_KAPPA = 0.2
"""Kappa up to which the agreement with predictions is slight (Landis and Koch 1977)."""


def check(dataset: InspectedDataset) -> CheckResult:
    """Report every set of features from which grades are predicted with a kappa above :data:`MAX_KAPPA`."""
    photographs = graded_photographs(zip(dataset.photographs, dataset.infos, strict=True))
    found = kappas(predict_from_shortcuts(photographs))
    issues = tuple(
        Issue(f"{FEATURE_SETS[name]} alone: the grades of val and test are predicted with a kappa of {kappa:.2f}", ())
        for name, kappa in found.items()
        if kappa > MAX_KAPPA
    )
    return CheckResult(len(found), issues, "" if found else TOO_FEW)
