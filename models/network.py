"""Networks of the arms: a timm backbone, Multi-Cell modules, pooling, and a head per output."""

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
"""Timeout of timm's hub in seconds."""


class Network(nn.Module):
    """Network from images to the raw outputs of its heads.

    ``forward`` maps normalised float images (n, 3, s, s) to raw outputs, the input of the losses; ``predict`` maps raw
    outputs to ``score`` (n,) and/or ``prob`` (n, 5). ``mean`` and ``std`` are the normalisation of the images.
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
        self._predict = {output: head.predict for output, head in heads.items()}

    def features(self, images: Tensor) -> Tensor:
        """Return the feature map before pooling, (n, c, m, m)."""
        maps: Tensor = self.backbone(images)[-1]
        for cell in self.cells:
            maps = cell(maps)
        return maps

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        # Pooling and heads run in float32, because bfloat16 would round scores to multiples of 1/64.
        maps = self.features(images).float()
        device = maps.device.type
        with torch.autocast(device, enabled=False) if torch.amp.is_autocast_available(device) else nullcontext():
            pooled = self.dropout(maps.mean(dim=(2, 3)))
            return {name: head(pooled) for name, head in self.heads.items()}

    def predict(self, raw: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return scores (n,) and/or probabilities of the grades (n, 5) from raw outputs."""
        return {output: self._predict[output](value) for output, value in raw.items()}


def build_network(model: Model, n_cells: int, heads: Mapping[str, str], pixels: int) -> Network:
    """Build the network of an arm, initialised from torch's global generator or from pretrained weights.

    ``heads`` has a file of models/heads for each output. Raises InputError if the backbone is unknown or cannot be
    fetched, or its feature map is missing, or too small at ``pixels`` px for so many cells.
    """
    shape = probe_backbone(model, pixels)
    side = shape.side
    for _ in range(n_cells):
        if side < SMALLEST_MAP:
            msg = (
                f"a Reduction Cell-B needs a feature map of at least {SMALLEST_MAP} x {SMALLEST_MAP}, but "
                f"{n_cells} cell(s) at {pixels} px leave {side} x {side}: raise the size or lower `model.stride`"
            )
            raise InputError(msg)
        side = (side - 1) // 2
    modules = {output: load_head(name) for output, name in heads.items()}
    return Network(build_backbone(model, shape.index), shape.channels, model, n_cells, modules)


@dataclass(frozen=True, slots=True)
class BackboneShape:
    """Truncation point and output shape of a backbone."""

    index: int
    """timm's index of the feature map."""
    channels: int
    side: int
    """Side of the feature map at one input size."""


@cache
def probe_backbone(model: Model, pixels: int) -> BackboneShape:
    """Run the backbone on the meta device to find its output shape.

    Raises InputError if timm has no such backbone, or the backbone has no such stride or module.
    """
    if not timm.is_model(model.backbone):
        hint = did_you_mean(model.backbone, timm.list_models())
        msg = f"model.backbone must be a timm model, but got {model.backbone!r}{hint}: correct the name"
        raise InputError(msg)
    with torch.device("meta"), torch.no_grad():
        backbone = timm.create_model(model.backbone, features_only=True).eval()
        strides = list(backbone.feature_info.reduction())
        if model.stride not in strides:
            msg = f"model.stride must be one of {strides} for {model.backbone}, but got {model.stride}: set one"
            raise InputError(msg)
        last = len(strides) - 1 - strides[::-1].index(model.stride)
        index = backbone.feature_info.out_indices[last]
        backbone = _truncate(timm.create_model(model.backbone, features_only=True, out_indices=(index,)).eval(), model)
        maps = backbone(torch.zeros(1, 3, pixels, pixels))[-1]
    return BackboneShape(index, maps.shape[1], maps.shape[-1])


def build_backbone(model: Model, index: int) -> nn.Module:
    """Build a timm feature extractor with one feature map."""
    if model.weights:
        return _truncate(_load_backbone(model, index), model)
    try:
        with _fail_fast_hub() if model.pretrained else nullcontext():
            backbone = timm.create_model(
                model.backbone, features_only=True, pretrained=model.pretrained, out_indices=(index,)
            )
    except (OSError, RuntimeError) as error:
        msg = (
            f"timm could not fetch weights of the backbone {model.backbone!r} ({str(error).splitlines()[0]}): "
            "connect to its hub once, or set `model.pretrained: false`"
        )
        raise InputError(msg) from error
    return _truncate(backbone, model)


def _load_backbone(model: Model, index: int) -> nn.Module:
    """Build a timm feature extractor with the weights of a file.

    Raises InputError if the file does not contain the backbone's weights.
    """
    tensors = timm_tensors(model.weights, model.backbone)
    # timm would warn about the tensors after the truncation point, which are unused here.
    builder = logging.getLogger("timm.models._builder")
    before = builder.level
    builder.setLevel(logging.ERROR)
    try:
        # timm maps the tensors of a network to those of its feature extractor.
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
def _fail_fast_hub() -> Iterator[None]:
    """Use timm's local cache if its hub does not answer, because its client would retry for most of a minute."""
    from huggingface_hub import constants, get_session

    before = constants.HF_HUB_OFFLINE
    try:
        get_session().head(constants.ENDPOINT, timeout=_HUB_S)
    except Exception:  # Each transport has its own exceptions; any response means that the hub is up.
        constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


def _truncate(backbone: nn.Module, model: Model) -> nn.Module:
    """Drop the modules after ``model.truncate_after``, or after the feature map, from a timm feature extractor.

    The modules run in order. EfficientNet and its variants would otherwise run blocks after the last feature map.
    """
    if ends := getattr(backbone, "_stage_out_idx", None):
        del backbone.blocks[max(ends) :]  # type: ignore[operator, union-attr]
    if not model.truncate_after:
        return backbone
    names = [name for name, _ in backbone.named_children()]
    if model.truncate_after not in names:
        msg = (
            f"model.truncate_after must name a module of {model.backbone} ({', '.join(names)}), "
            f"but got {model.truncate_after!r}: set one of them"
        )
        raise InputError(msg)
    for name in names[names.index(model.truncate_after) + 1 :]:
        delattr(backbone, name)
    backbone.return_layers = {model.truncate_after: "0"}  # type: ignore[assignment]
    return backbone


def carry_over(network: nn.Module, parent: Mapping[str, Tensor], kernels: bool = False) -> list[str]:
    """Initialise a network in place from its parent's weights, bit for bit, and return the names of the copied tensors.

    The backbone and the cells of both are copied, and so are the heads if their input width is the same. The other
    tensors of the child (its new cell, and heads of another width) keep their own initial weights. With ``kernels``,
    only the kernels of the convolutions are copied, all of them. Raises InputError if the parent has such a tensor that
    the child lacks or has in another shape.
    """
    own = network.state_dict()
    if kernels:
        parent = {name: value for name, value in parent.items() if name.endswith(".weight") and value.ndim == 4}
    same_heads = all(name in own and own[name].shape == value.shape for name, value in parent.items() if _is_head(name))
    carried = [name for name in parent if same_heads or not _is_head(name)]
    for name in carried:
        if name not in own or own[name].shape != parent[name].shape:
            shape = tuple(own[name].shape) if name in own else "no such tensor"
            msg = (
                f"weights carry over only between networks that share backbone and cells, but {name} is "
                f"{tuple(parent[name].shape)} in the parent and {shape} here: train both with one `model` and `width`"
            )
            raise InputError(msg)
    network.load_state_dict({**own, **{name: parent[name] for name in carried}})
    return carried


def _is_head(name: str) -> bool:
    return name.startswith("heads.")
