"""Check the number of photographs per split and grade against the published one.

A difference means an incomplete copy or another split, whose results cannot be compared with published ones.
"""

from __future__ import annotations

from collections import Counter

from benchmark.data.checks.registry import CheckInfo, CheckResult, InspectedDataset, Issue

ABOUT = CheckInfo(
    "splits and grades are as large as published",
    default="stop",
    policies=("stop", "warn"),
    unit="counts",
    reads_files=False,
    order=30,
)


def check(dataset: InspectedDataset) -> CheckResult:
    """Report every split and grade with an unexpected number of photographs."""
    if not dataset.expected:
        return CheckResult(0, skip_reason="the data set declares no counts")
    counts = Counter((photograph.split, photograph.grade) for photograph in dataset.photographs)
    wanted = [(split, grade, n) for split, grades in dataset.expected.items() for grade, n in enumerate(grades)]
    issues = tuple(
        Issue(f"{split} has {counts[split, grade]} photographs of grade {grade}, but {expected} are expected", ())
        for split, grade, expected in wanted
        if counts[split, grade] != expected
    )
    return CheckResult(len(wanted), issues)
