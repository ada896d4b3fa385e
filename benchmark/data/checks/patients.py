"""Check that no patient is in two splits: the eyes of a patient resemble each other, which inflates kappa."""

from __future__ import annotations

from benchmark.common.terms import SPLITS
from benchmark.data.checks.registry import CheckInfo, CheckResult, InspectedDataset, Issue, outside_last_split

ABOUT = CheckInfo("no patient is in two splits", default="stop", unit="patients", reads_files=False, order=40)


def check(dataset: InspectedDataset) -> CheckResult:
    """Report every patient with photographs in more than one split."""
    patients = dataset.patients()
    if not patients:
        return CheckResult(0, skip_reason="no patient is known")
    issues = []
    for patient, images in patients.items():
        splits = {dataset.photographs[index].split for index in images}
        if len(splits) > 1:
            names = ", ".join(dataset.photographs[index].image_id for index in images)
            message = f"patient {patient} is in {' and '.join(s for s in SPLITS if s in splits)} ({names})"
            issues.append(Issue(message, tuple(images), outside_last_split(dataset.photographs, images)))
    return CheckResult(len(patients), tuple(issues))
