"""Drawn eyes with distinct vessels, and data sets of them with planted defects."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from benchmark.data.checks.registry import InspectedDataset
from benchmark.images.fingerprint import N_FEATURES, ImageInfo, fingerprint
from benchmark.sources.registry import Photograph

NO_FEATURES, NO_VESSELS = np.zeros(N_FEATURES, np.float32), np.zeros((0, 0), np.int8)


def eye(seed: int, width: int = 300, height: int = 260) -> np.ndarray:
    """Draw a warm field of view on black with an optic disc and a dozen vessels, shape (height, width, 3)."""
    rng = np.random.default_rng(seed)
    rgb = np.zeros((height, width, 3), np.uint8)
    centre, radius = (width // 2, height // 2), int(0.46 * height)
    cv2.circle(rgb, centre, radius, (190, 100, 50), -1, cv2.LINE_AA)
    start = np.array(centre) + rng.integers(-radius // 2, radius // 2, 2)
    for _ in range(12):
        steps = np.cumsum(rng.normal(0, 0.06 * radius, (24, 2)) + rng.normal(0, 0.07 * radius, 2), axis=0)
        points = (start + steps).astype(np.int32)
        cv2.polylines(rgb, [points[:, None]], False, (120, 30, 20), max(height // 80, 2), cv2.LINE_AA)
    cv2.circle(rgb, tuple(map(int, start)), radius // 7, (240, 200, 120), -1, cv2.LINE_AA)
    y, x = np.ogrid[:height, :width]
    rgb[np.hypot(x - centre[0], y - centre[1]) > radius] = 0
    return rgb


def encoded(rgb: np.ndarray, kind: str = "JPEG", quality: int = 90) -> bytes:
    """Return an image as the bytes of a file."""
    stream = io.BytesIO()
    Image.fromarray(rgb).save(stream, kind, **({"quality": quality} if kind == "JPEG" else {}))
    return stream.getvalue()


def descriptors(images: list[np.ndarray]) -> np.ndarray:
    """Return the descriptors of images, computed from their encoded files."""
    return np.stack([fingerprint(encoded(rgb)).descriptor for rgb in images])


def write_eyes(root: Path, names: list[str], first_seed: int = 0) -> None:
    """Write a different eye for each name, as JPEG."""
    root.mkdir(parents=True, exist_ok=True)
    for seed, name in enumerate(names, first_seed):
        (root / f"{name}.jpeg").write_bytes(encoded(eye(seed)))


def image_info(pixels: str, **changes: object) -> ImageInfo:
    """Return the properties of a sound photograph."""
    sound = {"sha256": pixels, "width": 300, "height": 260, "error": ""}
    sound |= {"brightness": 190.0, "fundus": "yes", "lacking": "", "descriptor": NO_VESSELS}
    sound["shortcut_features"] = NO_FEATURES
    return ImageInfo(pixels=pixels, **(sound | changes))  # type: ignore[arg-type]


def dataset_of(rows: list[tuple[str, int, str]], **changes: object) -> InspectedDataset:
    """Return sound photographs by id (``patient_eye``), grade and split, with different pixels."""
    photographs = []
    for name, grade, split in rows:
        patient, _, side = name.partition("_")
        photographs.append(Photograph(name, Path(f"{name}.jpeg"), grade, split, patient, side or "unknown"))  # type: ignore[arg-type]
    infos = tuple(image_info(f"{index}") for index in range(len(rows)))
    return InspectedDataset(**({"photographs": tuple(photographs), "infos": infos} | changes))  # type: ignore[arg-type]
