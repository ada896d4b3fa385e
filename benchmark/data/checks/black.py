"""Check that no photograph is black: published sets contain black images with a grade."""

from __future__ import annotations

from benchmark.data.checks.registry import CheckInfo, CheckResult, InspectedDataset, check_each

ABOUT = CheckInfo("no photograph is black", default="warn", order=70)

DARK = 20.0
"""Brightness, 0-255, below which a photograph is black. The darkest of IDRiD has 107, of RetinaMNIST 46."""


def check(dataset: InspectedDataset) -> CheckResult:
    """Report every photograph whose brightness is below :data:`DARK`."""
    return check_each(
        dataset,
        lambda info: (
            f"is black: 99 % of its pixels are {info.brightness:.0f} of 255 or darker" if info.brightness < DARK else ""
        ),
    )
