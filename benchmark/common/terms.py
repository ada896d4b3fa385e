"""Terms and types that every package shares."""

from __future__ import annotations

from typing import Literal, NamedTuple

from benchmark.common.section import Section as Section

Split = Literal["train", "val", "test"]


Eye = Literal["left", "right", "unknown"]


GRADES = 5
"""Number of grades of the international DR scale, 0 (no DR) to 4 (proliferative DR)."""
SPLITS: tuple[Split, ...] = ("train", "val", "test")
EVALUATED: tuple[Split, ...] = ("val", "test")
"""Splits that are predicted and evaluated, but never trained on."""


Counts = tuple[int, int, int, int, int]
"""Number of images per grade 0-4."""


Head = Literal["score", "prob"]


DEFAULT: dict[Head, str] = {"score": "nearest", "prob": "argmax"}
"""Head -> decision rule of the paper's tables, a file of benchmark/scoring/decision_rules."""


Size = Literal["small", "mid", "large"]
"""Role of an input size, which corresponds to the paper's 224, 448 and 720 px."""


OURS = "ours"
"""Origin of claims that this project adds to the paper's."""


class Arm(NamedTuple):
    """Name of an arm, which is trained once per seed: an entry of ``arms`` in params.yaml."""

    method: str
    """Name of the method."""
    name: str

    @classmethod
    def parse(cls, path: str) -> Arm:
        """Parse ``method/name``; without a slash, the name is empty."""
        method, _, name = path.partition("/")
        return cls(method, name)

    def __str__(self) -> str:
        return f"{self.method}/{self.name}"
