"""Settings of a compared system: the sizes and the training of its networks."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from benchmark.common.section import Section
from benchmark.common.terms import Size


class AffineAugment(Section):
    """Affine and colour augmentation of a training image or TTA view, drawn by seed, epoch or view, and image."""

    flip: bool = True
    """Mirror left-right and up-down, each with probability one half."""
    rotate: Annotated[float, Field(ge=0, le=180)] = 0.0
    """Rotate by up to this many degrees in either direction."""
    stretch: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Stretch one axis by up to this fraction in either direction, and compress the other by the same."""
    skew: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Shear the columns by up to this angle in either direction, in radians."""
    shift: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Shift along each axis by up to this fraction of the side in either direction."""
    zoom: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Scale each axis by its own factor, log-uniform from 1 / (1 + this) to 1 + this."""
    nearest: bool = False
    """Interpolate by the nearest pixel instead of bilinearly."""
    colour: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Shift the colours along each principal axis by a normal number times the axis's variance; this is the standard
    deviation of the number."""


class Net(Section):
    """Settings of one network of a system: its pack, the field of view in its input, and its size."""

    size: Size
    """Role of its pack in ``sizes``."""
    fov_px: Annotated[int, Field(ge=8, le=4096)] | None = None
    """Side of the field of view in its input, in pixels; the input is padded with background or cropped. By default it
    follows from the size of the pack or, if the source fixes the ratio, from the side of the input."""
    blocks: Annotated[int, Field(ge=1, le=20)]
    """Number of poolings, in the source's count."""
    width: Annotated[float, Field(gt=0, le=4)] = 1.0
    """Channels as a multiple of the source's."""
    parent: Annotated[str, Field(alias="from")] = ""
    """Network of the system whose weights it inherits, seed by seed; empty: random initial weights."""
    train: dict[str, Any] = Field({})
    """Overrides of the system's `train`."""


class SystemSettings(Section):
    """Settings of a compared system at some scale."""

    seeds: Annotated[int, Field(ge=0)]
    """Number of seeds, the first of `seeds`; 0 skips the system."""
    holdout_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """Fraction of the train patients that is held out from its networks to fit its blend and thresholds."""
    tta_views: Annotated[int, Field(ge=1, le=1000)]
    """Augmented views per image whose outputs are averaged (test-time augmentation)."""
    nets: Annotated[dict[str, Net], Field(min_length=1)]
    """Networks by their names in models/systems; the first steps of most systems use the first network alone."""
    train: dict[str, Any] = Field({})
    """Overrides of `train`; the augmentation is set in `augment` of the system."""
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    """Momentum of optimisers that have one."""
    augment: AffineAugment = AffineAugment()
    blend: dict[str, float] = Field({})
    """Parameters of its blend."""
