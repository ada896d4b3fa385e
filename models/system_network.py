"""Networks of the compared systems, with the same interface as the networks of the arms."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from models.heads.registry import load_head
from models.network import Network
from models.settings import Model
from models.systems.registry import load_system


class _Backbone(nn.Module):
    """Adapter that returns a body's feature map in a list, like timm's feature extractors."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, images: Tensor) -> list[Tensor]:
        return [self.body(images)]


def build_system_network(name: str, model: Model, blocks: int, width: float, heads: Mapping[str, str]) -> Network:
    """Build a network, ``system/net``, initialised from torch's global generator or from pretrained weights.

    ``blocks`` and ``width`` are in the system's own count, and a multiple of the source's channels. ``heads`` has a
    file of models/heads for each output, which the system's own heads replace. The model gives the normalisation, and
    the backbone if the system uses that of the arms.
    """
    system, _, net = name.partition("/")
    body = load_system(system).build(net, blocks, width, model)
    loaded = {output: load_head(head) for output, head in heads.items() if output not in body.heads}
    return Network(_Backbone(body.module), body.channels, model, 0, {**loaded, **body.heads})
