"""Stratified, reproducible selection, which does not depend on the order of the names."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

T = TypeVar("T", bound=Hashable)


Cluster = tuple[str, str]
"""Group of images that belong to one split: the images of a patient, or one image of an unknown patient."""


def cluster_of(patient: str, image_id: str) -> Cluster:
    """Return the cluster of an image: its patient, or the image alone if the patient is unknown."""
    return (patient, "") if patient else ("", image_id)


def sorted_by_grade(grades: Mapping[T, int], seed: object) -> list[T]:
    """Sort names by grade, and within a grade by a hash of the name and a seed of the same ``repr`` everywhere."""

    def key(name: T) -> tuple[int, bytes]:
        parts = name if isinstance(name, tuple) else (name,)
        return grades[name], hashlib.sha256(repr((seed, *parts)).encode()).digest()

    return sorted(grades, key=key)


def evenly_spaced(order: Sequence[T], count: int) -> set[T]:
    """Select ``count`` elements at equal distances."""
    n = len(order)
    return {c for i, c in enumerate(order) if ((i + 1) * count + n // 2) // n > (i * count + n // 2) // n}
