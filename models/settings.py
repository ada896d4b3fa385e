"""The network that every arm shares."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from benchmark.common.section import Section as Section


class Cells(Section):
    """The Multi-Cell part."""

    width: Annotated[float, Field(gt=0, le=4)] = 1.0
    """Branch widths as a multiple of Inception-ResNet-v2's own."""
    normal: Annotated[int, Field(ge=0, le=20)] = 1
    """Normal Cell-C after each Reduction Cell-B (not printed in the paper)."""


class Model(Section):
    """The network that every arm shares."""

    trunk: str
    """Any timm model that gives feature maps (``timm.list_models()``)."""
    pretrained: bool = False
    """Start from timm's weights for that name (needs the network once)."""
    stride: Annotated[int, Field(ge=2, le=64)] = 32
    """Input pixels per feature-map pixel where the trunk is cut; must be one that the trunk has."""
    cut: str = ""
    """Module of the trunk to cut after, where that is not the end of the stage with this stride."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Dropout between pooling and heads."""
    mean: tuple[float, float, float] = (0.5, 0.5, 0.5)
    """Subtracted from RGB in 0-1."""
    std: tuple[float, float, float] = (0.5, 0.5, 0.5)
    """Divides RGB after the subtraction."""
    cells: Cells = Cells()
