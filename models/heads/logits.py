"""Logits of the grades as a network's body gives them, for a body that holds its own classifier."""

from __future__ import annotations

from torch import nn

from benchmark.common.terms import GRADES
from models.heads.registry import HeadInfo
from models.heads.softmax import predict as predict

ABOUT = HeadInfo(output="prob")


def build(channels: int) -> nn.Module:
    """Five numbers of each image, (n, 5), to themselves."""
    assert channels == GRADES
    return nn.Identity()
