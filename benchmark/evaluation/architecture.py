"""The step ``architecture``: sides of the feature maps, parameters and multiply-adds, without weights or arithmetic.

Two sets of networks are measured: Inception-ResNet-v2 at the paper's sizes, and the trunk and sizes of params.yaml.
Nothing is trained, so neither data nor arms matter.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from benchmark.common.csv_rows import read_rows, write_rows
from benchmark.common.errors import InputError
from benchmark.common.terms import Size
from benchmark.settings.params import Params
from models.settings import Model

NETWORKS = Path("architecture/networks.csv")

PAPER = Model(trunk="inception_resnet_v2", stride=32, cut="block8")
"""The paper's trunk, cut after its Block8 stack: the place for the Multi-Cell part that fits the printed sizes."""
PAPER_SIZES = {224: (1,), 256: (1,), 299: (1,), 448: (1, 2), 720: (1, 3)}
"""Levels at each input size in pixels: those that the paper trains, and 299, of which its printed 256 may be a slip."""
LEVELS: dict[Size, tuple[int, ...]] = {"small": (1,), "mid": (1, 2), "large": (1, 3)}
"""The same by role."""


@dataclass(frozen=True, slots=True)
class Architecture:
    """One network at one input size; it has both heads."""

    of: Literal["paper", "params"]
    """Whose trunk and sizes."""
    trunk: str
    stride: int
    cut: str
    pixels: int
    level: int
    before: int
    """Side of the feature map before the Multi-Cell part."""
    after: int
    """Side of the feature map after it; 0 where the map is too small for that level."""
    parameters: int
    """0 where the map is too small."""
    macs: int
    """Multiply-adds of one image's forward pass; 0 where the map is too small."""


def run(params: Params) -> None:
    """Write ``architecture/networks.csv``.

    Raises:
        InputError: the trunk of params.yaml is unknown, or cannot be cut as it says.
    """
    write_rows(NETWORKS, Architecture, networks(params))


def networks(params: Params) -> Iterator[Architecture]:
    """Measure the paper's networks and those of the parameters, smaller inputs first."""
    for pixels, levels in PAPER_SIZES.items():
        for level in levels:
            yield measure("paper", PAPER, pixels, level)
    for size, levels in LEVELS.items():
        for level in levels:
            yield measure("params", params.model, params.sizes.of(size), level)


def measure(of: Literal["paper", "params"], model: Model, pixels: int, level: int) -> Architecture:
    """Run one network on torch's meta device.

    Raises:
        InputError: the trunk is unknown, or cannot be cut as the model says.
    """
    import torch

    from models.cost import network_cost
    from models.losses.registry import LOSSES
    from models.network import build_network, probe_trunk

    heads = LOSSES["ce_mse"].heads
    bare = model.bare
    before = probe_trunk(bare, pixels).side
    named = (of, model.trunk, model.stride, model.cut, pixels, level, before)
    try:
        with torch.device("meta"), torch.no_grad():
            network = build_network(bare, level, heads, pixels).eval()
            after = network.features(torch.zeros(1, 3, pixels, pixels)).shape[-1]
    except InputError:
        # The trunk itself was fine, so the map is too small: a profile may well do without that level.
        return Architecture(*named, after=0, parameters=0, macs=0)
    cost = network_cost(bare, level, heads, pixels)
    return Architecture(*named, after, cost.parameters, cost.macs)


def square(side: int) -> str:
    """The sides of a feature map as the paper prints them; a map that is too small for its level has none."""
    return f"{side}x{side}" if side else "too small"


def read_networks(path: Path = NETWORKS) -> list[Architecture]:
    """Read what :func:`run` wrote.

    Raises:
        InputError: it was not run yet, or the file is not as it was written.
    """
    return read_rows(path, Architecture, "fundusbench architecture")
