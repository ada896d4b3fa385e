"""The network that every arm shares."""

from __future__ import annotations

from pathlib import PurePath
from typing import Annotated, Self

from pydantic import Field, model_validator

from benchmark.common.section import Section as Section

PACKAGE = "package:"
"""What ``model.weights`` begins with where it names an installed package."""


class Cells(Section):
    """The Multi-Cell part."""

    width: Annotated[float, Field(gt=0, le=4)] = 1.0
    """Branch widths as a multiple of Inception-ResNet-v2's own."""
    normal: Annotated[int, Field(ge=0, le=20)] = 1
    """Normal Cell-C after each Reduction Cell-B (not printed in the paper)."""


class Model(Section):
    """The network that every arm shares."""

    backbone: str
    """Any timm model that gives feature maps (``timm.list_models()``)."""
    pretrained: bool = False
    """Start from timm's weights for that name (needs the network once)."""
    weights: str = ""
    """Start from the weights in a file instead: its path (safetensors, or a torch state dict), or ``package:`` and the
    name of an installed package that ships one. Empty: from the seed's own start."""
    weights_sha256: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")] = ""
    """What that file must hash to; empty: whatever it does. DVC does not watch the file, so a profile should say it."""
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
        """The same network with no weights to start from: what is counted, timed, or given a finished run's own."""
        return self.model_copy(update={"pretrained": False, "weights": "", "weights_sha256": ""})

    @property
    def start(self) -> str:
        """The weights that the backbone starts from, in words; nothing where the seed alone decides."""
        if self.pretrained:
            return "timm's own"
        name = self.weights if self.weights.startswith(PACKAGE) else PurePath(self.weights).name
        return f"{name} (sha256 {self.weights_sha256[:16]})" if self.weights else ""

    @model_validator(mode="after")
    def _starts_once(self) -> Self:
        if self.pretrained and self.weights:
            msg = f"must start from one set of weights, but has both `pretrained: true` and `weights: {self.weights}`"
            raise ValueError(msg)
        if self.weights_sha256 and not self.weights:
            msg = "must have `weights` where it has `weights_sha256`"
            raise ValueError(msg)
        return self
