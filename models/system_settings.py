"""Settings of a compared system: the size of its networks and their training."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from benchmark.common.section import Section
from benchmark.common.terms import Size


class AffineAugment(Section):
    """Random changes of a training image, and of a pass; each depends on the seed, the epoch or pass, and the image."""

    flip: bool = True
    """Mirror left-right and up-down, each with probability one half."""
    rotate: Annotated[float, Field(ge=0, le=180)] = 0.0
    """Rotate by an angle drawn from plus or minus this many degrees."""
    stretch: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Lengthen one axis by a share drawn from plus or minus this, and shorten the other by it."""
    skew: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Lean the columns by an angle drawn from plus or minus this, in radians."""
    shift: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Move along each axis by a share of the side drawn from plus or minus this."""
    zoom: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Lengthen each axis by a factor of its own, from 1 / (1 + this) to 1 + this, evenly on a logarithmic scale."""
    nearest: bool = False
    """Take the nearest pixel where a change falls between pixels; else the mean of the four around."""
    colour: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Shift all pixels along each principal axis of colours, by a normal draw of this deviation times the axis's
    variance."""


class Net(Section):
    """One network of a system: the pack that it is shown, the field of view in its input, and its size."""

    size: Size
    """Role of the pack that it is shown."""
    fov_px: Annotated[int, Field(ge=8, le=4096)] | None = None
    """Side of the field of view in its input, in pixels; the rest of the input is background, and what does not fit is
    cut off. By default it follows from the pack's size or, where the source fixes that share, from the input's side."""
    blocks: Annotated[int, Field(ge=1, le=20)]
    """Poolings that shrink its maps, as the source counts them."""
    width: Annotated[float, Field(gt=0, le=4)] = 1.0
    """Channels as a multiple of the source's."""
    parent: Annotated[str, Field(alias="from")] = ""
    """Another network of the system, whose weights, seed by seed, it starts from; empty: from its seed's own start."""
    train: dict[str, Any] = Field({})
    """Overrides of the system's `train`."""


class SystemSettings(Section):
    """A system of others, at some scale."""

    seeds: Annotated[int, Field(ge=0)]
    """Number of `seeds` that it is run with, the first ones; 0 leaves it out."""
    holdout_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """Share of the train patients that its networks never see: its blend and thresholds are fitted on these."""
    tta_views: Annotated[int, Field(ge=1, le=1000)]
    """Augmented views per image whose outputs are averaged (test-time augmentation)."""
    nets: Annotated[dict[str, Net], Field(min_length=1)]
    """Networks that are trained, by their names in models/systems, the first one alone in the ladder's first steps."""
    train: dict[str, Any] = Field({})
    """Overrides of `train`; `augment` stands below `systems`."""
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    """Momentum of optimisers that have one."""
    augment: AffineAugment = AffineAugment()
    blend: dict[str, float] = Field({})
    """Parameters of its blend."""
