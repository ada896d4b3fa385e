"""Check that each file exists and can be decoded. Under ``warn``, the stage ``prepare`` skips the files that cannot."""

from __future__ import annotations

from benchmark.data.checks.registry import CheckInfo, CheckResult, InspectedDataset, Issue

ABOUT = CheckInfo("each file can be read", default="stop", order=60)


def check(dataset: InspectedDataset) -> CheckResult:
    """Report every missing, empty, truncated, damaged or foreign file; ``drop`` removes it from any split."""
    issues = tuple(
        Issue(f"{dataset.name(index)} cannot be read: {info.error}", (index,), (index,))
        for index, info in enumerate(dataset.infos)
        if info.error
    )
    return CheckResult(len(dataset.infos), issues)
