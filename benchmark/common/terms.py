"""The words of the field that every package shares."""

from __future__ import annotations

from typing import Literal

from benchmark.common.section import Section as Section

Split = Literal["train", "val", "test"]


Eye = Literal["left", "right", "unknown"]


SPLITS: tuple[Split, ...] = ("train", "val", "test")


Counts = tuple[int, int, int, int, int]
"""Photographs per grade 0-4."""


Head = Literal["score", "prob"]


Size = Literal["small", "mid", "large"]
"""Role of an input size: the paper's 224, 448 and 720 px, whatever their pixels in this profile."""
