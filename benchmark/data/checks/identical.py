"""Check for identical pixels in two splits, which is a leak, or with two grades, of which one is wrong."""

from __future__ import annotations

from benchmark.data.checks.registry import CheckInfo, CheckResult, InspectedDataset, duplicate_issue

ABOUT = CheckInfo("no pixels recur in another split or under another grade", default="drop", order=100)


def check(dataset: InspectedDataset) -> CheckResult:
    """Report every group of photographs with the same decoded pixels in two splits, or with two grades in one split."""
    readable = dataset.readable()
    groups: dict[str, dict[str, int]] = {}
    for index, info in readable:
        # The check `ids` reports photographs with two rows; one of the rows is enough here.
        groups.setdefault(info.pixels, {}).setdefault(dataset.photographs[index].image_id, index)
    issues = (
        duplicate_issue(dataset, tuple(images.values()), "have the same pixels")
        for images in groups.values()
        if len(images) > 1
    )
    return CheckResult(len(readable), tuple(issue for issue in issues if issue))
