"""Checks of a data set before anything is trained on it, one file each.

A check is a module with ``find(described) -> Found``, a pure function of what is known of the photographs. It says how
much it looked at, and each defect with the photographs concerned and those of them that would have to go. What is then
done is said by ``checks:`` in params.yaml, per check: stop, warn or drop. Adding a check is adding its file, its
line in :data:`CHECKS` and its key in :class:`benchmark.settings.data.Checks`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol, cast

from benchmark.common.terms import SPLITS, Counts, Split
from benchmark.sources.registry import Photograph


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen of a photograph's file; each field but the first two is as in :mod:`benchmark.images.fingerprint`.

    Attributes:
        sha256: of the file, in hex; empty where there is no file.
        pixels: equal for two photographs just where their pixels are; empty where they cannot be read.
        width: pixels as stored.
        height: as width.
        reason: why it cannot be read; empty where it can.
        level: brightness that 99 of 100 pixels do not exceed, 0-255.
        disc: whether a round disc stands out.
        warm: share of lit pixels that are redder than blue.
    """

    sha256: str
    pixels: str
    width: int
    height: int
    reason: str
    level: float
    disc: bool
    warm: float


@dataclass(frozen=True, slots=True, order=True)
class Pair:
    """Two photographs, by their places (first < second), that show one eye in one shot (:mod:`.duplicates`)."""

    first: int
    second: int
    likeness: float
    """Correlation of what tells eyes apart, to 1."""
    turn: str = ""
    """What was done to one of them, in words; empty where nothing was."""


@dataclass(frozen=True, slots=True)
class Described:
    """A data set as checks see it.

    Attributes:
        photographs: as the source yields them.
        looks: one per photograph; none at all where no file was opened.
        pairs: photographs that show one eye in one shot but differ in pixels, by their places.
        expected: how many photographs per grade a split should have; empty where nobody says.
    """

    photographs: tuple[Photograph, ...]
    looks: tuple[Look, ...] = ()
    pairs: tuple[Pair, ...] = ()
    expected: Mapping[Split, Counts] | None = None

    def readable(self) -> list[tuple[int, Look]]:
        """Place and look of every photograph that can be read."""
        return [(place, look) for place, look in enumerate(self.looks) if not look.reason]

    def name(self, place: int) -> str:
        """A photograph in words: its id, split and grade."""
        photograph = self.photographs[place]
        return f"{photograph.image_id} ({photograph.split}, grade {photograph.label})"


@dataclass(frozen=True, slots=True)
class Finding:
    """One defect.

    Attributes:
        message: what is wrong, naming the photographs.
        members: places of the photographs concerned.
        drop: those of them that the policy ``drop`` removes.
    """

    message: str
    members: tuple[int, ...]
    drop: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """What a check says: how many things it looked at, and its findings; or why it could not look."""

    looked_at: int
    findings: tuple[Finding, ...] = ()
    why_not: str = ""


class Check(Protocol):
    """The interface of a module in this package."""

    @staticmethod
    def find(described: Described) -> Found:
        """Look at the whole data set."""
        ...


@dataclass(frozen=True, slots=True)
class Entry:
    """Registry line of a check."""

    asks: str
    """What must hold."""
    unit: str = "photographs"
    """What ``looked_at`` counts."""
    files: bool = True
    """Whether it needs the files, and not the table of labels alone."""


CHECKS: dict[str, Entry] = {
    "ids": Entry("each id is given once", files=False),
    "labels": Entry("each grade is 0, 1, 2, 3 or 4", files=False),
    "counts": Entry("splits and grades are as large as published", "counts", files=False),
    "patients": Entry("no patient is in two splits", "patients", files=False),
    "eyes": Entry("each patient has both eyes", "patients", files=False),
    "readable": Entry("each file can be read"),
    "black": Entry("no photograph is black"),
    "tiny": Entry("no photograph is tiny"),
    "fundus": Entry("each photograph looks like a fundus"),
    "identical": Entry("no pixels recur in another split or under another grade"),
    "near": Entry("no shot recurs in another split or under another grade"),
}
"""Name of the check (of its file, and of its key under ``checks:``) -> its registry line, in the order of reports."""


def load_check(name: str) -> Check:
    """Import the module that implements a check."""
    return cast("Check", import_module(f"benchmark.data.checks.{name}"))


def lesser_side(photographs: Sequence[Photograph], members: Iterable[int]) -> tuple[int, ...]:
    """Of photographs that must not be in two splits, those that go.

    Whatever is in the last of their splits stays (test before val before train): what is measured on remains as it was
    published, and what was trained on it goes.
    """
    members = tuple(members)
    last = max(SPLITS.index(photographs[place].split) for place in members)
    return tuple(place for place in members if SPLITS.index(photographs[place].split) < last)


def recurrence(described: Described, members: Sequence[int], what: str) -> Finding | None:
    """The defect of photographs that show the same: a leak between splits, or two opinions; None where it is neither.

    Of a leak the lesser side goes. Of two opinions on one training photograph both go, as nothing says which is right;
    those of val and test stay, as published.
    """
    photographs = [described.photographs[place] for place in members]
    leak = len({photograph.split for photograph in photographs}) > 1
    opinions: dict[str, set[int]] = {}
    for photograph in photographs:
        opinions.setdefault(photograph.split, set()).add(photograph.grade)
    if not leak and all(len(grades) == 1 for grades in opinions.values()):
        return None
    doubted = [
        place for place in members if described.photographs[place].split == "train" and len(opinions["train"]) > 1
    ]
    drop = sorted({*lesser_side(described.photographs, members), *doubted})
    faults = (["in two splits"] if leak else []) + (
        ["under two grades"] if len({p.grade for p in photographs}) > 1 else []
    )
    names = " and ".join(described.name(place) for place in members)
    return Finding(f"{names} {what}, {' and '.join(faults)}", tuple(members), tuple(drop))
