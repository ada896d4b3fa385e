"""Input of a run: its splits, the fit or holdout part of train, and the system's view of images."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from benchmark.common.errors import InputError
from benchmark.common.terms import SPLITS
from benchmark.data.manifest import ManifestRow
from benchmark.data.packs import PACKS
from benchmark.data.roles import TrainRole, assign_roles
from benchmark.images.colour_normalisation.registry import NORMALISATIONS, load_normalisation
from benchmark.runs.spec import NetworkRun, TrainedRun
from benchmark.training.batches import SplitData, load_split

Bytes = npt.NDArray[np.uint8]


def load_splits(spec: TrainedRun, manifest: list[ManifestRow], folder: Path = PACKS) -> dict[str, SplitData]:
    """Load train, val and test in a run's view; train is limited to ``fit`` if the run has a holdout."""
    splits: dict[str, SplitData] = {split: load_split(split, spec.packs, manifest, folder) for split in SPLITS}
    if spec.holdout:
        splits["train"] = select_role(splits["train"], "fit", manifest, spec.holdout.fraction)
    return {split: with_system_view(data, spec) for split, data in splits.items()}


def select_role(train: SplitData, role: TrainRole, manifest: list[ManifestRow], holdout_fraction: float) -> SplitData:
    """Return the images of train that have a role."""
    roles = assign_roles(manifest, holdout_fraction)
    return train.select({image_id for image_id in roles if roles[image_id] == role})


def load_role(
    role: str, packs: str, manifest: list[ManifestRow], holdout_fraction: float, folder: Path = PACKS
) -> SplitData:
    """Load a split, or the part of train that has a role, as packed."""
    if role in SPLITS:
        return load_split(role, packs, manifest, folder)
    return select_role(load_split("train", packs, manifest, folder), role, manifest, holdout_fraction)  # type: ignore[arg-type]


def with_system_view(data: SplitData, run: TrainedRun) -> SplitData:
    """Return a split as a run's network receives it.

    An arm receives it as packed, a network of a system with the system's colours, field of view and background.

    Raises:
        InputError: the network's colours cannot be computed from those of the pack.
    """
    if not isinstance(run, NetworkRun):
        return data
    packed = data.pack.spec.colour_normalisation
    if packed not in ("plain", run.colour_normalisation):
        msg = (
            f"{run.group} requires the colour normalisation {run.colour_normalisation}, which is computed from plain "
            f"packs, but these are {packed}: set `prepare.colour_normalisation: plain`"
        )
        raise InputError(msg)
    normalisation = "plain" if packed == run.colour_normalisation else run.colour_normalisation
    background = NORMALISATIONS[run.colour_normalisation].background
    return replace(
        data,
        background=background,
        transform=partial(
            _render, normalisation=normalisation, fov_px=run.fov_px, side=run.pixels, background=background
        ),
    )


def view_images(run: TrainedRun, images: Bytes) -> Bytes:
    """Return prepared squares, shape (n, s, s, 3), in a run's view."""
    if not isinstance(run, NetworkRun):
        return images
    colour_normalisation = (
        run.colour_normalisation if run.prepared.colour_normalisation != run.colour_normalisation else "plain"
    )
    return _render(
        images, colour_normalisation, run.fov_px, run.pixels, NORMALISATIONS[run.colour_normalisation].background
    )


def _render(images: Bytes, normalisation: str, fov_px: int, side: int, background: int) -> Bytes:
    """Resize and recolour the field of view, and crop or pad it to a square around its centre."""
    recolour = load_normalisation(normalisation)
    views = np.full((len(images), side, side, 3), background, np.uint8)
    source, destination = _centre(fov_px, side), _centre(side, fov_px)
    for image, target in zip(images, views, strict=True):
        target[destination, destination] = recolour(_resized(image, fov_px))[source, source]
    return views


def _centre(side: int, other: int) -> slice:
    """Return the central part of a side that fits into another."""
    start = max(0, (side - other) // 2)
    return slice(start, start + min(side, other))


def _resized(image: Bytes, side: int) -> Bytes:
    if len(image) == side:
        return image
    smaller = side < len(image)
    method = cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, (side, side), interpolation=method), np.uint8)
