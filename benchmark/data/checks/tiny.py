"""Check that no photograph is tiny: an enlarged thumbnail shows no lesions. Some sets are thumbnails by design."""

from __future__ import annotations

from benchmark.data.checks.registry import CheckInfo, CheckResult, InspectedDataset, check_each

ABOUT = CheckInfo("no photograph is tiny", default="warn", order=80)

MIN_SIDE = 100
"""Minimum of the shorter side in pixels. At 100, the optic disc measures about 15 and a microaneurysm about one."""


def check(dataset: InspectedDataset) -> CheckResult:
    """Report every photograph whose shorter side is below :data:`MIN_SIDE`."""
    return check_each(
        dataset,
        lambda info: f"has {info.width} x {info.height} pixels" if min(info.width, info.height) < MIN_SIDE else "",
    )
