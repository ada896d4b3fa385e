"""Folders of small made-up photographs with a table, and parameters that read them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image

from benchmark.settings.checks import CHECKS
from benchmark.settings.loading import parse_params
from benchmark.settings.params import Params
from tests.conftest import ROOT

SIZES = {"small": 16, "mid": 24, "large": 40}


def fundus_photograph(
    width: int,
    height: int,
    fov: tuple[float, float, float],
    level: float = 160,
    background: float = 0,
    seed: int = 0,
) -> np.ndarray:
    """Draw a noisy field of view (cx, cy, radius) that darkens towards its rim; shape (height, width, 3)."""
    cx, cy, radius = fov
    y, x = np.mgrid[:height, :width] + 0.5
    distance = np.hypot(x - cx, y - cy) / radius
    grey = np.where(distance <= 1, level * (1 - 0.3 * distance**2), background)
    noise = np.random.default_rng(seed).normal(0, 1.5, (height, width, 3))
    return np.clip(grey[..., None] * (1.0, 0.6, 0.3) + noise, 0, 255).astype(np.uint8)


def write_photograph(path: Path, seed: int = 0, width: int = 96, height: int = 64) -> None:
    """Save a photograph that differs by seed, in the format of the file's extension."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rgb = fundus_photograph(
        width, height, (width / 2 + seed % 7, height / 2, 0.45 * height), 120 + seed % 90, seed=seed
    )
    Image.fromarray(rgb).save(path)


def write_folder(root: Path, patients: int = 12, extension: str = ".jpeg") -> list[str]:
    """Write two eyes per patient and ``labels.csv`` without splits, and return the image ids."""
    ids = [f"{patient}_{eye}" for patient in range(patients) for eye in ("left", "right")]
    for seed, image_id in enumerate(ids):
        write_photograph(root / f"{image_id}{extension}", seed)
    write_table(root, [{"image": image_id, "level": seed // 2 % 5} for seed, image_id in enumerate(ids)])
    return ids


def write_table(root: Path, rows: list[dict[str, Any]], name: str = "labels.csv") -> None:
    """Write a csv file with the keys of the first row as columns."""
    lines = [",".join(rows[0]), *(",".join(map(str, row.values())) for row in rows)]
    root.mkdir(parents=True, exist_ok=True)
    (root / name).write_text("\n".join(lines) + "\n", encoding="utf-8")


def folder_params(root: Path | str, data: dict[str, Any] | None = None, **prepare: Any) -> Params:
    """Return the committed parameters with a folder as data set, small sizes, and checks that warn where possible."""
    raw = yaml.safe_load((ROOT / "params.yaml").read_text())
    raw["data"] = {"source": "csv", "name": "made", "root": str(root), **(data or {})}
    raw["checks"] = {name: "warn" for name, info in CHECKS.items() if "warn" in info.policies}
    raw["sizes"] = SIZES
    raw["prepare"] = {"workers": 1, **prepare}
    return parse_params(raw)
