"""What a run is shown: its splits, the part of train that is its own, and images as a system's networks see them."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from benchmark.common.errors import InputError
from benchmark.common.terms import SPLITS, Size
from benchmark.data.manifest import ManifestRow
from benchmark.data.packs import PACKS
from benchmark.data.roles import Role, assign_roles
from benchmark.images.colour_normalisation.registry import NORMALISATIONS, load_normalisation
from benchmark.runs.spec import NetworkRun, TrainedRun
from benchmark.training.batches import SplitData, load_split

Bytes = npt.NDArray[np.uint8]


def splits_of(spec: TrainedRun, manifest: list[ManifestRow], folder: Path = PACKS) -> dict[str, SplitData]:
    """Train, val and test as a run is shown them: of train, the patients that its networks are fitted on."""
    splits: dict[str, SplitData] = {split: load_split(split, spec.size, manifest, folder) for split in SPLITS}
    if spec.holdout:
        splits["train"] = role_of(splits["train"], "fit", manifest, spec.holdout.fraction)
    return {split: as_seen(data, spec) for split, data in splits.items()}


def role_of(train: SplitData, role: Role, manifest: list[ManifestRow], holdout_fraction: float) -> SplitData:
    """The images of train that have a role."""
    return train.only({name for name, given in assign_roles(manifest, holdout_fraction).items() if given == role})


def load_role(
    role: str, size: Size, manifest: list[ManifestRow], holdout_fraction: float, folder: Path = PACKS
) -> SplitData:
    """A split, or the part of train that has a role, as it is packed."""
    if role in SPLITS:
        return load_split(role, size, manifest, folder)
    return role_of(load_split("train", size, manifest, folder), role, manifest, holdout_fraction)  # type: ignore[arg-type]


def as_seen(data: SplitData, run: TrainedRun) -> SplitData:
    """Return a split as a run's network sees it: an arm's as packed; a system's in its colours, retina and background.

    Raises:
        InputError: the pack shows other colours, from which the network's cannot be made.
    """
    if not isinstance(run, NetworkRun):
        return data
    packed = data.pack.spec.colour_normalisation
    if packed not in ("plain", run.colour_normalisation):
        msg = (
            f"{run.group} sees photographs as {run.colour_normalisation}, which is made of plain packs, but these show "
            f"{packed}: set `prepare.colour_normalisation: plain`"
        )
        raise InputError(msg)
    normalisation = "plain" if packed == run.colour_normalisation else run.colour_normalisation
    background = NORMALISATIONS[run.colour_normalisation].background
    return replace(
        data,
        background=background,
        show=partial(_show, normalisation=normalisation, fov_px=run.fov_px, side=run.pixels, background=background),
    )


def seen_by(run: TrainedRun, images: Bytes) -> Bytes:
    """Prepared squares, shape (n, s, s, 3), as a run's network sees them."""
    if not isinstance(run, NetworkRun):
        return images
    colour_normalisation = (
        run.colour_normalisation if run.prepared.colour_normalisation != run.colour_normalisation else "plain"
    )
    return _show(
        images, colour_normalisation, run.fov_px, run.pixels, NORMALISATIONS[run.colour_normalisation].background
    )


def _show(images: Bytes, normalisation: str, fov_px: int, side: int, background: int) -> Bytes:
    """Resize and recolour the field of view and centre it in a square; what does not fit is cut off."""
    recolour = load_normalisation(normalisation)
    shown = np.full((len(images), side, side, 3), background, np.uint8)
    inside, outside = _middle(fov_px, side), _middle(side, fov_px)
    for image, target in zip(images, shown, strict=True):
        target[outside, outside] = recolour(_resized(image, fov_px))[inside, inside]
    return shown


def _middle(of: int, within: int) -> slice:
    """The middle of one side that another has room for."""
    start = max(0, (of - within) // 2)
    return slice(start, start + min(of, within))


def _resized(image: Bytes, side: int) -> Bytes:
    if len(image) == side:
        return image
    smaller = side < len(image)
    method = cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, (side, side), interpolation=method), np.uint8)
