"""The step ``architecture``: sides of the feature maps, parameters and multiply-adds of the networks.

Two sets of networks are measured on torch's meta device: Inception-ResNet-v2 at the paper's sizes, and the backbone and
sizes of params.yaml. Nothing is trained, so neither data nor arms matter.
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

PAPER_MODEL = Model(backbone="inception_resnet_v2", stride=32, truncate_after="block8")
"""The paper's backbone up to its Block8 stack. Cells after this module give the feature maps that the paper prints."""
PAPER_SIZES = {224: (0,), 256: (0,), 299: (0,), 448: (0, 1), 720: (0, 2)}
"""Numbers of cells by input size in pixels: the paper's sizes, and 299 px, since the printed 256 may be a slip."""
N_CELLS_BY_SIZE: dict[Size, tuple[int, ...]] = {"small": (0,), "mid": (0, 1), "large": (0, 2)}
"""Numbers of cells by the name of a size in params.yaml."""


@dataclass(frozen=True, slots=True)
class Architecture:
    """A line of ``architecture/networks.csv``: one network with both heads at one input size."""

    of: Literal["paper", "params"]
    """Source of the backbone and the sizes."""
    backbone: str
    stride: int
    truncate_after: str
    pixels: int
    n_cells: int
    before: int
    """Side of the feature map before the Multi-Cell part."""
    after: int
    """Side of the feature map after the Multi-Cell part; 0 if the map is too small for these cells."""
    parameters: int
    """0 if the map is too small."""
    macs: int
    """Multiply-adds of one image's forward pass; 0 if the map is too small."""


def run(params: Params) -> None:
    """Write ``architecture/networks.csv``, empty where nothing is trained; raise InputError as `measure_network`."""
    write_rows(NETWORKS, Architecture, networks(params) if params.trains else ())


def networks(params: Params) -> Iterator[Architecture]:
    """Measure the paper's networks and those of params.yaml, smaller inputs first."""
    for pixels, counts in PAPER_SIZES.items():
        for n_cells in counts:
            yield measure_network("paper", PAPER_MODEL, pixels, n_cells)
    for size, counts in N_CELLS_BY_SIZE.items():
        for n_cells in counts:
            yield measure_network("params", params.model, params.sizes.of(size), n_cells)


def measure_network(of: Literal["paper", "params"], model: Model, pixels: int, n_cells: int) -> Architecture:
    """Run one network on torch's meta device.

    Raises InputError if the backbone is unknown, or has no module `truncate_after`.
    """
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from models.losses.registry import LOSSES
    from models.network import build_network, probe_backbone

    columns = (of, model.backbone, model.stride, model.truncate_after, pixels, n_cells)
    with torch.device("meta"), torch.no_grad():
        image = torch.zeros(1, 3, pixels, pixels)
        try:
            network = build_network(model.bare, n_cells, LOSSES["ce_mse"].heads, pixels).eval()
        except InputError:
            # If the backbone is valid, the map is too small. This is allowed: a profile need not use these cells.
            return Architecture(*columns, probe_backbone(model.bare, pixels).side, after=0, parameters=0, macs=0)
        sides: list[int] = []
        # The last of the backbone's maps, or the last image of a cell's batch.
        for part in (network.backbone, *network.cells):
            part.register_forward_hook(lambda _part, _inputs, maps: sides.append(maps[-1].shape[-1]))
        with FlopCounterMode(display=False) as counter:
            network(image)
    parameters = sum(parameter.numel() for parameter in network.parameters())
    return Architecture(*columns, sides[0], sides[-1], parameters, counter.get_total_flops() // 2)


def format_side(side: int) -> str:
    """Format the sides of a feature map as the paper prints them."""
    return f"{side}x{side}" if side else "too small"


def read_networks(path: Path = NETWORKS) -> list[Architecture]:
    """Read the table that :func:`run` wrote; raise InputError if the file does not exist or is damaged."""
    return read_rows(path, Architecture, "fundusbench architecture")
