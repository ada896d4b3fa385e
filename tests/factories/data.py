"""A data set that a small network learns in seconds: the grade is the number of bright bars."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmark.data.manifest import ManifestRow, write_manifest
from benchmark.data.packs import PackRow, PackSpec, write_pack
from benchmark.images.encoding import Encoding, encode


def bars(grade: int, side: int, generator: np.random.Generator) -> np.ndarray:
    """Return noise with ``grade`` bright bars, shape (side, side, 3)."""
    image = generator.integers(0, 80, (side, side, 3), dtype=np.uint8)
    for bar in range(grade):
        image[:, (bar * side) // 5 : (bar * side) // 5 + side // 8] += 150
    return image


def make_data(
    root: Path, sizes: dict[str, int], counts: dict[str, int], seed: int = 0, encoding: Encoding = "raw"
) -> None:
    """Write a manifest and packs under ``root`` as the steps fetch and prepare would."""
    generator = np.random.default_rng(seed)
    rows = []
    for split, count in counts.items():
        ids = [f"{split}{i // 2:03d}_{'left' if i % 2 else 'right'}" for i in range(count)]
        grades = generator.integers(0, 5, count)
        for image_id, grade in zip(ids, grades, strict=True):
            patient, eye = image_id.split("_")
            rows.append(
                ManifestRow(image_id, f"{image_id}.png", patient, eye, int(grade), split, image_id, 9, 9, "made")
            )
        for role, side in sizes.items():
            spec = PackSpec(side, encoding, "made")
            made = [
                PackRow(i, i, encode(bars(g, side, generator), encoding))
                for i, g in sorted(zip(ids, grades, strict=True))
            ]
            write_pack(root / "data/packs/plain" / role / f"{split}.arrow", spec, made)
    write_manifest(rows, root / "data/manifest.csv")
