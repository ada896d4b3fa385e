"""Settings of the network that all arms share."""

from __future__ import annotations

from pathlib import PurePath
from typing import Annotated, Self

from pydantic import Field, model_validator

from benchmark.common.section import Section as Section

PACKAGE = "package:"
"""Prefix of ``model.weights`` for an installed package."""


class Cells(Section):
    """Settings of the Multi-Cell modules."""

    width: Annotated[float, Field(gt=0, le=4)] = 1.0
    """Branch widths as a multiple of Inception-ResNet-v2's."""
    normal: Annotated[int, Field(ge=0, le=20)] = 1
    """Number of Normal Cells-C after each Reduction Cell-B (not printed in the paper)."""


class Model(Section):
    """Settings of the network that all arms share."""

    backbone: str
    """Any timm model with feature maps (``timm.list_models()``)."""
    pretrained: bool = False
    """Start from timm's pretrained weights (needs internet access once)."""
    weights: str = ""
    """Start from the weights in a file: its path (safetensors, or a torch state dict), or ``package:`` and the name of
    an installed package with such a file. Empty: random initial weights."""
    weights_sha256: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")] = ""
    """Expected SHA-256 of the file; empty: any. Profiles should set it, because DVC does not track the file."""
    stride: Annotated[int, Field(ge=2, le=64)] = 32
    """Input pixels per feature-map pixel after truncation; must be a stride of the backbone."""
    truncate_after: str = ""
    """Last module of the backbone to keep, if it is not the end of the stage with this stride."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Dropout between pooling and heads."""
    mean: tuple[float, float, float] = (0.5, 0.5, 0.5)
    """Subtracted from RGB in 0-1."""
    std: tuple[float, float, float] = (0.5, 0.5, 0.5)
    """Divides RGB after the subtraction."""
    cells: Cells = Cells()

    @property
    def bare(self) -> Self:
        """The same network without pretrained weights, to be counted, timed, or loaded with a run's weights."""
        return self.model_copy(update={"pretrained": False, "weights": "", "weights_sha256": ""})

    @property
    def start(self) -> str:
        """Description of the backbone's pretrained weights; empty for random initial weights."""
        if self.pretrained:
            return "timm's own"
        name = self.weights if self.weights.startswith(PACKAGE) else PurePath(self.weights).name
        return f"{name} (sha256 {self.weights_sha256[:16]})" if self.weights else ""

    @model_validator(mode="after")
    def _starts_once(self) -> Self:
        if self.pretrained and self.weights:
            msg = f"must have one set of weights, but has both `pretrained: true` and `weights: {self.weights}`"
            raise ValueError(msg)
        if self.weights_sha256 and not self.weights:
            msg = "must have `weights` if it has `weights_sha256`: add the one or remove the other"
            raise ValueError(msg)
        return self
