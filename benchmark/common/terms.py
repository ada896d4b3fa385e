"""The words of the field that every package shares."""

from __future__ import annotations

from typing import Literal, NamedTuple

from benchmark.common.section import Section as Section

Split = Literal["train", "val", "test"]


Eye = Literal["left", "right", "unknown"]


GRADES = 5
"""Number of grades of the international DR scale, 0 (no DR) to 4 (proliferative DR)."""
SPLITS: tuple[Split, ...] = ("train", "val", "test")
EVALUATED: tuple[Split, ...] = ("val", "test")
"""Those that are answered and measured, and never learnt from."""


Counts = tuple[int, int, int, int, int]
"""Photographs per grade 0-4."""


Head = Literal["score", "prob"]


DEFAULT: dict[Head, str] = {"score": "nearest", "prob": "argmax"}
"""Decision rule that the paper's tables are rebuilt with, by head: a file of benchmark/scoring/decision_rules."""


Size = Literal["small", "mid", "large"]
"""Role of an input size: the paper's 224, 448 and 720 px, whatever their pixels in this profile."""


OURS = "ours"
"""Mark of what the paper does not claim, and is asked here."""


class Arm(NamedTuple):
    """What is trained and compared, once per seed: a line of ``arms`` in params.yaml."""

    stage: str
    """The method, and the pipeline's stage that trains it."""
    name: str

    @classmethod
    def parse(cls, path: str) -> Arm:
        """Read ``stage/name``; without a slash, the name is empty."""
        stage, _, name = path.partition("/")
        return cls(stage, name)

    def __str__(self) -> str:
        return f"{self.stage}/{self.name}"
