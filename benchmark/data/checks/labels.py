"""Check that each label is a grade, 0-4. Other labels suggest the wrong column or another scale."""

from __future__ import annotations

from benchmark.data.checks.registry import CheckInfo, CheckResult, InspectedDataset, Issue

ABOUT = CheckInfo(
    "each grade is 0, 1, 2, 3 or 4", default="stop", policies=("stop", "drop"), reads_files=False, order=20
)


def check(dataset: InspectedDataset) -> CheckResult:
    """Report every photograph with another label; the policy ``drop`` removes it from any split."""
    issues = tuple(
        Issue(f"{photograph.image_id} has the label {photograph.label!r}", (index,), (index,))
        for index, photograph in enumerate(dataset.photographs)
        if photograph.grade not in range(5)
    )
    return CheckResult(len(dataset.photographs), issues)
