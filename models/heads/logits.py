"""Identity head for a network that already returns logits of the grades."""

from __future__ import annotations

from torch import nn

from benchmark.common.terms import GRADES
from models.heads.registry import HeadInfo
from models.heads.softmax import predict as predict

ABOUT = HeadInfo(output="prob")


def build(channels: int) -> nn.Module:
    """Build an identity on logits (n, 5)."""
    assert channels == GRADES
    return nn.Identity()
