"""Check for near-duplicates in another split or with another grade.

A near-duplicate shows the same shot after a change of size, brightness, border, compression or orientation. Detection
is nearly certain, so the default is a warning: look at the pairs, then set the policy to drop.
"""

from __future__ import annotations

from benchmark.data.checks.registry import CheckInfo, CheckResult, InspectedDataset, duplicate_issue

ABOUT = CheckInfo("no shot recurs in another split or under another grade", default="warn", order=110)


def check(dataset: InspectedDataset) -> CheckResult:
    """Report every near-duplicate in two splits, or with two grades in one split."""
    issues = []
    for pair in dataset.near_duplicates:
        transform = f", one of them {pair.transform}" if pair.transform else ""
        what = f"are nearly the same{transform} (correlation {pair.similarity:.3f})"
        issues.append(duplicate_issue(dataset, (pair.first, pair.second), what))
    return CheckResult(len(dataset.readable()), tuple(issue for issue in issues if issue))
