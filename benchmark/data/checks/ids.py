"""Check that each image id occurs once: two rows for one photograph leave open which one is right."""

from __future__ import annotations

from benchmark.common.terms import SPLITS
from benchmark.data.checks.registry import CheckInfo, CheckResult, InspectedDataset, Issue

ABOUT = CheckInfo("each id is given once", default="stop", policies=("stop", "drop"), reads_files=False, order=10)


def check(dataset: InspectedDataset) -> CheckResult:
    """Report every id that occurs more than once.

    If its rows have one grade, the policy ``drop`` keeps one row of the last split; otherwise it keeps none.
    """
    rows: dict[str, list[int]] = {}
    for index, photograph in enumerate(dataset.photographs):
        rows.setdefault(photograph.image_id, []).append(index)
    issues = tuple(_issue(dataset, images) for images in rows.values() if len(images) > 1)
    return CheckResult(len(dataset.photographs), issues)


def _issue(dataset: InspectedDataset, images: list[int]) -> Issue:
    photographs = [dataset.photographs[index] for index in images]
    labels = ", ".join(f"{photograph.split} grade {photograph.label}" for photograph in photographs)
    kept = max(images, key=lambda index: (SPLITS.index(dataset.photographs[index].split), -index))
    agree = len({photograph.grade for photograph in photographs}) == 1
    drop = tuple(index for index in images if not agree or index != kept)
    return Issue(f"{photographs[0].image_id} has {len(images)} rows ({labels})", tuple(images), drop)
