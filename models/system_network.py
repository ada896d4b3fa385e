"""A network of a system as every network here is: with normalisation, heads and answers."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from models.heads.registry import load_head
from models.network import Network
from models.settings import Model
from models.systems.registry import load_system


class _Backbone(nn.Module):
    """A body that gives its map as timm's extractors do: last of a list."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, images: Tensor) -> list[Tensor]:
        return [self.body(images)]


def build_system_network(name: str, model: Model, blocks: int, width: float, heads: Mapping[str, str]) -> Network:
    """Build a system's network, with the weights of its seed's start (torch's global generator).

    Args:
        name: ``system/net``, of models/systems.
        model: its normalisation, and its backbone where the system takes the one that every arm shares.
        blocks: as the system counts them.
        width: channels as a multiple of the source's.
        heads: output (``score``, ``prob``) -> file of models/heads, where the system has none of its own for it.
    """
    system, _, net = name.partition("/")
    body = load_system(system).build(net, blocks, width, model)
    found = {output: load_head(head) for output, head in heads.items() if output not in body.heads}
    return Network(_Backbone(body.module), body.channels, model, 0, {**found, **body.heads})
