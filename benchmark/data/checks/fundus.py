"""Check that each photograph looks like a fundus, by the judgement of :mod:`benchmark.images.fundus`.

Photographs that were cropped inside the field of view and have normalised colours lack its signs. A data set that
mostly consists of such or of doubtful photographs is therefore one issue, from which nothing is dropped.
"""

from __future__ import annotations

from benchmark.data.checks.black import DARK
from benchmark.data.checks.registry import CheckInfo, CheckResult, InspectedDataset, Issue
from benchmark.images.fingerprint import ImageInfo
from benchmark.images.fundus import Judgement

ABOUT = CheckInfo("each photograph looks like a fundus", default="warn", order=90)

_WORDS: dict[Judgement, str] = {"yes": "", "doubtful": "may be no fundus: ", "no": "looks like no fundus: "}


def describe_doubt(photograph: ImageInfo) -> str:
    """Say that a photograph is or may be no fundus, and why; return an empty string for others."""
    return _WORDS[photograph.fundus] + photograph.lacking


def check(dataset: InspectedDataset) -> CheckResult:
    """Report every photograph that is or may be no fundus, except black ones, which have a check of their own.

    The policy ``drop`` leaves out those that are none.
    """
    readable = dataset.readable()
    odd = [(index, info) for index, info in readable if info.fundus != "yes" and info.brightness >= DARK]
    if 2 * len(odd) > len(readable):
        message = (
            f"{len(odd)} of {len(readable)} photographs lack the signs of a fundus, dark corners and warm colours: "
            "they show something else, or were cropped inside the field of view, or normalised in colour"
        )
        return CheckResult(len(readable), (Issue(message, ()),))
    issues = (
        Issue(f"{dataset.name(index)} {describe_doubt(info)}", (index,), (index,) if info.fundus == "no" else ())
        for index, info in odd
    )
    return CheckResult(len(readable), tuple(issues))
