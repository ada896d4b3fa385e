"""Recall of the near-duplicate search on modified copies of real photographs: the manual's table.

FUNDUSBENCH_GOLDEN=write with `-m nightly` updates tests/golden/duplicates_recall.md.
"""

from __future__ import annotations

import os

import cv2
import numpy as np
import pytest

from benchmark.data.duplicates import MIN_SIMILARITY, PREFILTER_SIMILARITY, correlate, magnitudes
from benchmark.images.fingerprint import fingerprint
from benchmark.images.reading import read_rgb
from tests.factories.eyes import encoded
from tests.factories.paths import ROOT, SHARED

PHOTOGRAPHS = 100
TABLE = ROOT / "tests/golden/duplicates_recall.md"
TOLERANCE = 0.02
"""Accepted difference between builds of the libraries: two of 100 photographs."""
FEW, TOLERANCE_OF_FEW = 12, 0.13
"""Size of a subset, and the accepted difference of its recall: about one and a half photographs."""


def turned(rgb: np.ndarray, degrees: float) -> np.ndarray:
    """Rotate an image without cropping it."""
    height, width = rgb.shape[:2]
    side = int(np.hypot(height, width)) + 2
    matrix = cv2.getRotationMatrix2D((width / 2 - 0.5, height / 2 - 0.5), degrees, 1)
    matrix[:, 2] += (side - width) / 2, (side - height) / 2
    return cv2.warpAffine(rgb, matrix, (side, side))


def cropped(rgb: np.ndarray, share: float) -> np.ndarray:
    height, width = (int(side * share / 2) for side in rgb.shape[:2])
    return rgb[height : rgb.shape[0] - height, width : rgb.shape[1] - width]


def scaled(rgb: np.ndarray, height: int, stretch: float = 1.0) -> np.ndarray:
    width = round(height * stretch * rgb.shape[1] / rgb.shape[0])
    return cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA)


def equalised(rgb: np.ndarray) -> np.ndarray:
    lab = cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB)
    lab[..., 0] = cv2.createCLAHE(2.0, (8, 8)).apply(lab[..., 0])
    return cv2.cvtColor(lab, cv2.COLOR_LAB2RGB)


def noisy(rgb: np.ndarray) -> np.ndarray:
    noise = np.random.RandomState(0).normal(0, 12, rgb.shape)
    return np.clip(rgb + noise, 0, 255).astype(np.uint8)


CHANGES = {
    "JPEG quality 30": lambda rgb: read_rgb(encoded(rgb, quality=30)),
    "scaled to 96 px height": lambda rgb: scaled(rgb, 96),
    "scaled to 64 px height": lambda rgb: scaled(rgb, 64),
    "gamma 0.6": lambda rgb: np.rint(255 * (rgb / 255) ** 0.6).astype(np.uint8),
    "noise, sd 12 of 255": noisy,
    "CLAHE, limit 2, 8 x 8": equalised,
    "mirrored": lambda rgb: rgb[:, ::-1],
    "turned by 5 degrees": lambda rgb: turned(rgb, 5),
    "turned by 45 degrees": lambda rgb: turned(rgb, 45),
    "mirrored, turned by 100 degrees": lambda rgb: turned(np.ascontiguousarray(rgb[:, ::-1]), 100),
    "cropped by 10 % of each side": lambda rgb: cropped(rgb, 0.10),
    "cropped by 15 % of each side": lambda rgb: cropped(rgb, 0.15),
    "cropped by 25 % of each side": lambda rgb: cropped(rgb, 0.25),
    "stretched by 5 % in width": lambda rgb: scaled(rgb, rgb.shape[0], 1.05),
    "stretched by 15 % in width": lambda rgb: scaled(rgb, rgb.shape[0], 1.15),
}


def in_markdown(recall: dict[str, float]) -> str:
    lines = [f"| modification of the copy | recall (n = {PHOTOGRAPHS}) |", "| :-- | --: |"]
    return "\n".join([*lines, *(f"| {change} | {share:.0%} |" for change, share in recall.items())]) + "\n"


def committed_recall() -> dict[str, float]:
    rows = [line.strip("| ").split(" | ") for line in TABLE.read_text(encoding="utf-8").splitlines()[2:]]
    return {change.strip(): float(share.rstrip(" %")) / 100 for change, share in rows}


def test_the_manual_prints_the_table():
    assert TABLE.read_text(encoding="utf-8") in (ROOT / "docs/how-to/real-data.md").read_text(encoding="utf-8")
    assert set(committed_recall()) == set(CHANGES)


def measured_recall(count: int) -> dict[str, float]:
    """Return the fraction of ``count`` photographs whose modified copy is found, by modification."""
    files = sorted((SHARED / "data/idrid/images").glob("*/*.jpg"))
    if not files:
        pytest.skip("IDRiD is not in the shared folder")
    chosen = np.random.RandomState(1).permutation(len(files))[:count]
    photographs = [read_rgb(files[place], min_side=256) for place in chosen]

    def described(images):
        # TIFF is lossless like PNG and ten times faster to write.
        return np.stack([fingerprint(encoded(np.ascontiguousarray(rgb), "TIFF")).descriptor for rgb in images])

    own = described(photographs)
    recall = {}
    for name, change in CHANGES.items():
        copies = described(map(change, photographs))
        kin = (magnitudes(own) * magnitudes(copies)).sum(axis=1) >= PREFILTER_SIMILARITY
        recall[name] = float((kin & (correlate(own, copies)[0] >= MIN_SIMILARITY)).mean())
    return recall


@pytest.mark.slow
def test_the_recall_on_a_subset_agrees_with_the_table():
    table, recall = committed_recall(), measured_recall(FEW)
    found = [change for change, share in table.items() if share > 0.5]
    assert len(found) == 13
    assert all(recall[change] >= table[change] - TOLERANCE_OF_FEW for change in found)
    assert all(recall[change] <= table[change] + TOLERANCE_OF_FEW for change in table.keys() - found)


@pytest.mark.nightly
@pytest.mark.slow
def test_the_recall_agrees_with_the_table():
    recall = measured_recall(PHOTOGRAPHS)
    if os.environ.get("FUNDUSBENCH_GOLDEN") == "write":
        TABLE.write_text(in_markdown(recall), encoding="utf-8")
    assert recall == pytest.approx(committed_recall(), abs=TOLERANCE)
