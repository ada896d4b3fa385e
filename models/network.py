"""The network of every arm: a timm backbone, its extra cells, pooling, and a head per output."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache

import timm
import torch
from torch import Tensor, nn

from benchmark.common.errors import InputError, did_you_mean
from models.heads.registry import Head, load_head
from models.multicell import SMALLEST_MAP, MultiCell
from models.settings import Model
from models.weights_tensors import timm_tensors

_HUB_S = 5.0
"""Seconds that timm's hub may take to answer."""


class Network(nn.Module):
    """Images to the raw outputs of each head.

    ``forward`` takes normalised float images (n, 3, s, s) and returns the raw outputs that losses take; ``answers``
    turns those into ``score`` (n,) and/or ``prob`` (n, 5).
    ``mean`` and ``std`` are the normalisation that it was built for.
    """

    def __init__(
        self, backbone: nn.Module, channels: int, model: Model, n_cells: int, heads: Mapping[str, Head]
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.cells = nn.ModuleList()
        for _ in range(n_cells):
            cell = MultiCell(channels, model.cells.width, model.cells.normal)
            self.cells.append(cell)
            channels = cell.out_channels
        self.dropout = nn.Dropout(model.dropout)
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.tensor(model.mean), persistent=False)
        self.register_buffer("std", torch.tensor(model.std), persistent=False)
        self.heads = nn.ModuleDict({output: head.build(channels) for output, head in heads.items()})
        self._answer = {output: head.predict for output, head in heads.items()}

    def features(self, images: Tensor) -> Tensor:
        """Feature map that the heads pool, (n, c, m, m)."""
        maps: Tensor = self.backbone(images)[-1]
        for cell in self.cells:
            maps = cell(maps)
        return maps

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        # Pooling and heads stay in float32: bfloat16 would round a score to steps of 1/64.
        maps = self.features(images).float()
        device = maps.device.type
        with torch.autocast(device, enabled=False) if torch.amp.is_autocast_available(device) else nullcontext():
            pooled = self.dropout(maps.mean(dim=(2, 3)))
            return {name: head(pooled) for name, head in self.heads.items()}

    def answers(self, raw: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Scores (n,) and/or probabilities of the grades (n, 5) from raw outputs."""
        return {output: self._answer[output](value) for output, value in raw.items()}


def build_network(model: Model, n_cells: int, heads: Mapping[str, str], pixels: int) -> Network:
    """Build the network of an arm, with the weights of its seed's start (torch's global generator).

    Args:
        model: backbone and cells.
        n_cells: number of Multi-Cell modules after the backbone.
        heads: output (``score``, ``prob``) -> file of models/heads.
        pixels: side of the input, checked against what the cells need.

    Raises:
        InputError: the backbone is unknown, has no map of that stride, cannot be fetched, or the map is too small.
    """
    shape = probe_backbone(model, pixels)
    side = shape.side
    for _ in range(n_cells):
        if side < SMALLEST_MAP:
            msg = (
                f"a Reduction Cell-B needs a feature map of at least {SMALLEST_MAP} x {SMALLEST_MAP}, but "
                f"{n_cells} cell(s) at {pixels} px leave {side} x {side}: raise that size or lower `model.stride`"
            )
            raise InputError(msg)
        side = (side - 1) // 2
    found = {output: load_head(name) for output, name in heads.items()}
    return Network(build_backbone(model, shape.index), shape.channels, model, n_cells, found)


@dataclass(frozen=True, slots=True)
class BackboneShape:
    """Where a backbone is cut, and what comes out there."""

    index: int
    """timm's index of the feature map."""
    channels: int
    side: int
    """Of the map, for one input size."""


@cache
def probe_backbone(model: Model, pixels: int) -> BackboneShape:
    """Run the backbone without weights or arithmetic (meta device) to learn its shape.

    Raises:
        InputError: timm has no such backbone, or the backbone no map of that stride or no module to cut after.
    """
    if not timm.is_model(model.backbone):
        hint = did_you_mean(model.backbone, timm.list_models())
        msg = f"model.backbone must be a timm model, but got {model.backbone!r}{hint}: correct it"
        raise InputError(msg)
    with torch.device("meta"), torch.no_grad():
        backbone = timm.create_model(model.backbone, features_only=True).eval()
        strides = list(backbone.feature_info.reduction())
        if model.stride not in strides:
            msg = f"model.stride must be one of {strides} for {model.backbone}, but got {model.stride}"
            raise InputError(msg)
        place = len(strides) - 1 - strides[::-1].index(model.stride)
        index = backbone.feature_info.out_indices[place]
        backbone = _cut(timm.create_model(model.backbone, features_only=True, out_indices=(index,)).eval(), model)
        maps = backbone(torch.zeros(1, 3, pixels, pixels))[-1]
    return BackboneShape(index, maps.shape[1], maps.shape[-1])


def build_backbone(model: Model, index: int) -> nn.Module:
    """A timm feature extractor that ends with one feature map."""
    if model.weights:
        return _cut(_weighted(model, index), model)
    try:
        with _hub_asked_once() if model.pretrained else nullcontext():
            backbone = timm.create_model(
                model.backbone, features_only=True, pretrained=model.pretrained, out_indices=(index,)
            )
    except (OSError, RuntimeError) as error:
        msg = (
            f"timm could not fetch weights for the backbone {model.backbone!r} ({str(error).splitlines()[0]}): "
            "connect to its hub once, or set `model.pretrained: false`"
        )
        raise InputError(msg) from error
    return _cut(backbone, model)


def _weighted(model: Model, index: int) -> nn.Module:
    """A timm feature extractor with the weights of a file.

    Raises:
        InputError: the file does not hold the backbone's weights.
    """
    tensors = timm_tensors(model.weights, model.backbone)
    # What comes after the backbone is left over, which timm would warn of.
    builder = logging.getLogger("timm.models._builder")
    before = builder.level
    builder.setLevel(logging.ERROR)
    try:
        # timm itself knows where each tensor of a network lies in its feature extractor.
        backbone: nn.Module = timm.create_model(
            model.backbone,
            features_only=True,
            out_indices=(index,),
            pretrained=True,
            pretrained_cfg_overlay={"state_dict": tensors},
        )
    finally:
        builder.setLevel(before)
    return backbone


@contextmanager
def _hub_asked_once() -> Iterator[None]:
    """Where timm's hub does not answer, look at its cache alone: its client would ask again for most of a minute."""
    from huggingface_hub import constants, get_session

    before = constants.HF_HUB_OFFLINE
    try:
        get_session().head(constants.ENDPOINT, timeout=_HUB_S)
    except Exception:  # Each transport raises its own; any answer at all will do.
        constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


def _cut(backbone: nn.Module, model: Model) -> nn.Module:
    """Drop what follows ``model.truncate_after``, or the one map that is asked for, from a timm feature extractor.

    Its modules run in their order. Those of EfficientNet and its kin run blocks beyond the last map, too.
    """
    if ends := getattr(backbone, "_stage_out_idx", None):
        del backbone.blocks[max(ends) :]  # type: ignore[operator, union-attr]
    if not model.truncate_after:
        return backbone
    names = [name for name, _ in backbone.named_children()]
    if model.truncate_after not in names:
        msg = (
            f"model.truncate_after must name a module of {model.backbone} ({', '.join(names)}), "
            f"but got {model.truncate_after!r}"
        )
        raise InputError(msg)
    for name in names[names.index(model.truncate_after) + 1 :]:
        delattr(backbone, name)
    backbone.return_layers = {model.truncate_after: "0"}  # type: ignore[assignment]
    return backbone


def carry_over(network: nn.Module, parent: Mapping[str, Tensor], kernels: bool = False) -> list[str]:
    """Start a network from its parent's weights, tensor by tensor and bit by bit.

    Backbone and cells that both have are carried; so are the heads where the width before them is the same. What the
    child alone has (its new cell, and heads of another width) keeps its own start.

    Args:
        network: the child, changed in place.
        parent: the parent's tensors by name.
        kernels: carry the convolutions' kernels alone, all of them.

    Returns:
        The names of the tensors carried over.

    Raises:
        InputError: the parent holds a backbone or cell tensor, or with ``kernels`` a kernel, that the child
            does not have in the same shape.
    """
    own = network.state_dict()
    if kernels:
        parent = {name: value for name, value in parent.items() if name.endswith(".weight") and value.ndim == 4}
    same_heads = all(name in own and own[name].shape == value.shape for name, value in parent.items() if _is_head(name))
    carried = [name for name in parent if same_heads or not _is_head(name)]
    for name in carried:
        if name not in own or own[name].shape != parent[name].shape:
            found = tuple(own[name].shape) if name in own else "no such tensor"
            msg = (
                f"weights carry over only between networks that share backbone and cells, but {name} is "
                f"{tuple(parent[name].shape)} in the parent and {found} here: train both with one `model` and `width`"
            )
            raise InputError(msg)
    network.load_state_dict({**own, **{name: parent[name] for name in carried}})
    return carried


def _is_head(name: str) -> bool:
    return name.startswith("heads.")
