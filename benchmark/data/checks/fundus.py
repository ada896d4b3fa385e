"""Check that each photograph looks like a fundus: it has a round field of view, or its lit pixels are warm.

One of the two is enough, because some fundus photographs are cropped inside the field of view and some have no red. The
check thus detects documents, screenshots, scans and blank frames, but neither warm scenes nor other round objects.

Photographs that were cropped inside the field of view and have normalised colours lack both signs. A data set that
mostly consists of such photographs is therefore one issue, from which nothing is dropped.
"""

from __future__ import annotations

from typing import Protocol

from benchmark.data.checks.black import DARK
from benchmark.data.checks.registry import CheckInfo, CheckResult, InspectedDataset, Issue, check_each

ABOUT = CheckInfo("each photograph looks like a fundus", default="warn", order=90)

WARM = 0.3
"""Fraction of lit pixels that are redder than blue. Its minimum is 0.94 in IDRiD and 0.37 in RetinaMNIST (on white)."""


class Appearance(Protocol):
    """Properties that the check uses, as in :class:`benchmark.images.fingerprint.Fingerprint`."""

    @property
    def has_fov(self) -> bool: ...
    @property
    def warm_fraction(self) -> float: ...


def missing_signs(appearance: Appearance) -> str:
    """Describe a photograph that lacks both signs of a fundus; return an empty string for others."""
    if appearance.has_fov or appearance.warm_fraction >= WARM:
        return ""
    return f"no round field of view, and {appearance.warm_fraction:.0%} of it is warm"


def check(dataset: InspectedDataset) -> CheckResult:
    """Report every photograph without a sign of a fundus, except black ones, which have a check of their own."""
    found = check_each(
        dataset,
        lambda info: (
            f"looks like no fundus: {missing}" if info.brightness >= DARK and (missing := missing_signs(info)) else ""
        ),
    )
    if 2 * len(found.issues) <= found.n_checked:
        return found
    message = (
        f"{len(found.issues)} of {found.n_checked} photographs lack the signs of a fundus, a round field of view and "
        "warm colours: they show something else, or were cropped inside the field of view and normalised in colour"
    )
    return CheckResult(found.n_checked, (Issue(message, ()),))
