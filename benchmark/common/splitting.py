"""Dealing things out evenly over grades: the same to the same names, in whatever order they come."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

T = TypeVar("T", bound=Hashable)


Cluster = tuple[str, str]
"""What must not be torn apart: a patient, or an image of an unknown one."""


def cluster_of(patient: str, image_id: str) -> Cluster:
    """The patient, or the image alone where that is unknown."""
    return (patient, "") if patient else ("", image_id)


def by_grade(grades: Mapping[T, int], seed: object) -> list[T]:
    """Names ordered by their grade and, within a grade, by a hash: other seeds give other orders.

    Args:
        grades: of each name.
        seed: anything whose ``repr`` is the same in every process.
    """

    def place(name: T) -> tuple[int, bytes]:
        told = name if isinstance(name, tuple) else (name,)
        return grades[name], hashlib.sha256(repr((seed, *told)).encode()).digest()

    return sorted(grades, key=place)


def evenly(order: Sequence[T], count: int) -> set[T]:
    """So many of them, at equal distances."""
    n = len(order)
    return {c for i, c in enumerate(order) if ((i + 1) * count + n // 2) // n > (i * count + n // 2) // n}
