"""Check that copies of a photograph within val or within test have one grade: a wrong label bounds every kappa.

The checks ``identical`` and ``near`` keep these photographs, because published results include them. The policy
``drop`` of this check leaves all of them out; kappas are then for a smaller split than the published one.
"""

from __future__ import annotations

from benchmark.common.terms import EVALUATED
from benchmark.data.checks.registry import CheckInfo, CheckResult, InspectedDataset, Issue

ABOUT = CheckInfo("copies within val or test have one grade", default="warn", order=115)


def check(dataset: InspectedDataset) -> CheckResult:
    """Report identical and nearly identical photographs within val or test with different grades."""
    photographs = dataset.photographs
    same: dict[str, list[int]] = {}
    for index, info in dataset.readable():
        same.setdefault(info.pixels, []).append(index)
    groups = [*same.values(), *([pair.first, pair.second] for pair in dataset.near_duplicates)]
    issues = []
    for group in groups:
        for split in EVALUATED:
            # The check `ids` reports photographs with two rows.
            images = {photographs[index].image_id: index for index in group if photographs[index].split == split}
            copies = tuple(images.values())
            if len({photographs[index].grade for index in copies}) > 1:
                names = " and ".join(dataset.name(index) for index in copies)
                issues.append(Issue(f"{names} show the same shot under different grades", copies, copies))
    n_checked = sum(photographs[index].split in EVALUATED for index, _ in dataset.readable())
    return CheckResult(n_checked, tuple(issues))
