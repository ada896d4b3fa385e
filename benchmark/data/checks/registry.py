"""Interface of the checks that a data set passes before training, one file each.

A check is a module in this folder with two names. ``ABOUT`` is its :class:`CheckInfo`: the requirement, the default
policy and the allowed ones. ``check(dataset)`` is a pure function that returns a :class:`CheckResult`: how many things
were checked, and an :class:`Issue` per fault. The policy under ``checks:`` in params.yaml decides what happens next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol, cast

from benchmark.common.terms import SPLITS, Counts, Split
from benchmark.images.fingerprint import ImageInfo
from benchmark.settings.checks import CHECKS as CHECKS
from benchmark.settings.checks import CheckInfo as CheckInfo
from benchmark.sources.registry import Photograph


@dataclass(frozen=True, slots=True, order=True)
class NearDuplicate:
    """Two photographs (first < second) that show one eye in one shot, as found by :mod:`benchmark.data.duplicates`."""

    first: int
    second: int
    similarity: float
    """Correlation of their descriptors, at most 1."""
    transform: str = ""
    """Rotation or mirroring of one of them, in words; empty for none."""


@dataclass(frozen=True, slots=True)
class InspectedDataset:
    """Input of a check. Photographs are referred to by their index in ``photographs``."""

    photographs: tuple[Photograph, ...]
    """Photographs as the source yields them."""
    infos: tuple[ImageInfo, ...] = ()
    """Properties of each photograph's file; empty if no file was opened."""
    near_duplicates: tuple[NearDuplicate, ...] = ()
    """Pairs that show one eye in one shot and differ in pixels."""
    expected: Mapping[Split, Counts] | None = None
    """Published number of photographs per grade of each split; None if unknown."""

    def readable(self) -> list[tuple[int, ImageInfo]]:
        """Return index and properties of every readable photograph."""
        return [(index, info) for index, info in enumerate(self.infos) if not info.error]

    def name(self, index: int) -> str:
        """Return a photograph's id, split and grade in words."""
        photograph = self.photographs[index]
        return f"{photograph.image_id} ({photograph.split}, grade {photograph.label})"

    def patients(self) -> dict[str, list[int]]:
        """Return the indices of each known patient's photographs; those of an unknown patient are left out."""
        found: dict[str, list[int]] = {}
        for index, photograph in enumerate(self.photographs):
            if photograph.patient:
                found.setdefault(photograph.patient, []).append(index)
        return found


@dataclass(frozen=True, slots=True)
class Issue:
    """One fault."""

    message: str
    """Description of the fault with the ids of the photographs."""
    images: tuple[int, ...]
    """Photographs concerned."""
    drop: tuple[int, ...] = ()
    """Those of them that the policy ``drop`` removes."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """Result of a check: how many things were checked and the issues, or why the check was skipped."""

    n_checked: int
    issues: tuple[Issue, ...] = ()
    skip_reason: str = ""


class Check(Protocol):
    """Interface of a module in this package."""

    @staticmethod
    def check(dataset: InspectedDataset) -> CheckResult:
        """Check the whole data set."""
        ...


def load_check(name: str) -> Check:
    """Import the module that implements a check."""
    return cast("Check", import_module(f"benchmark.data.checks.{name}"))


def check_each(dataset: InspectedDataset, fault: Callable[[ImageInfo], str]) -> CheckResult:
    """Check every readable photograph by itself; the policy ``drop`` removes it from any split.

    Args:
        dataset: the data set.
        fault: returns the fault as the end of a sentence that begins with the photograph, or an empty string.
    """
    readable = dataset.readable()
    faults = [(index, fault(info)) for index, info in readable]
    issues = (Issue(f"{dataset.name(index)} {words}", (index,), (index,)) for index, words in faults if words)
    return CheckResult(len(readable), tuple(issues))


def outside_last_split(photographs: Sequence[Photograph], images: Iterable[int]) -> tuple[int, ...]:
    """Select the photographs to drop if these must not be in two splits.

    Photographs in the last of their splits are kept (test before val before train): evaluation data stay as published,
    and copies of them leave the training data.
    """
    images = tuple(images)
    last = max(SPLITS.index(photographs[index].split) for index in images)
    return tuple(index for index in images if SPLITS.index(photographs[index].split) < last)


def duplicate_issue(dataset: InspectedDataset, images: Sequence[int], what: str) -> Issue | None:
    """Describe duplicates that leak between splits or have contradictory grades; return None if they do neither.

    Of a leak, the copies outside the last split are dropped. If training photographs contradict each other, all of them
    are dropped, as the right grade is unknown; those of val and test are kept as published.
    """
    photographs = [dataset.photographs[index] for index in images]
    leak = len({photograph.split for photograph in photographs}) > 1
    grades: dict[str, set[int]] = {}
    for photograph in photographs:
        grades.setdefault(photograph.split, set()).add(photograph.grade)
    if not leak and all(len(found) == 1 for found in grades.values()):
        return None
    contradictory = [
        index for index in images if dataset.photographs[index].split == "train" and len(grades["train"]) > 1
    ]
    drop = sorted({*outside_last_split(dataset.photographs, images), *contradictory})
    faults = (["in two splits"] if leak else []) + (
        ["under two grades"] if len({photograph.grade for photograph in photographs}) > 1 else []
    )
    names = " and ".join(dataset.name(index) for index in images)
    return Issue(f"{names} {what}, {' and '.join(faults)}", tuple(images), tuple(drop))
