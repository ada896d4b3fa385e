"""Photographs of a table that has no splits, dealt by patient."""

from __future__ import annotations

import hashlib
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from benchmark.common.eyes import likely_pairs
from benchmark.common.section import Section
from benchmark.common.terms import Eye, Split


class Shares(Section):
    """How patients are dealt to splits where the table does not say."""

    val: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Share of patients for val."""
    test: Annotated[float, Field(ge=0, lt=1)] = 0.2
    """Share of patients for test."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Another seed deals other patients."""

    @model_validator(mode="after")
    def _leaves_train(self) -> Shares:
        if self.val + self.test >= 1:
            msg = f"val and test must leave a share for train, but take {self.val} + {self.test}"
            raise ValueError(msg)
        return self


Cluster = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the table; its split is None where it is still to be dealt."""

    image_id: str
    path: Path
    grade: int
    split: Split | None
    patient: str
    eye: Eye
    written: str = ""

    @property
    def cluster(self) -> Cluster:
        """What must stay in one split: the patient, or the image alone where that is unknown."""
        return (self.patient, "") if self.patient else ("", self.image_id)


def deal(entries: list[Entry], shares: Shares) -> list[Entry]:
    """Give a split to every entry that has none, so that no patient is dealt to two.

    A patient with a split in one row keeps it in all; the others are dealt by the shares. Where the table has train
    and test in full but no val, val is dealt from train. Every split that is dealt holds its share of each grade (a
    patient's highest). What a patient gets does not depend on the order of the rows.
    """
    _warn_of_pairs(entries)
    if {entry.split for entry in entries} == {"train", "test"}:
        train = [entry for entry in entries if entry.split == "train"]
        dealt = _draw(train, shares.model_copy(update={"test": 0.0}))
        return [replace(entry, split=dealt[entry.cluster]) if entry.split == "train" else entry for entry in entries]
    given = sorted((entry.split, entry.cluster) for entry in entries if entry.split)
    told: dict[Cluster, Split] = {cluster: split for split, cluster in given}
    told |= _draw([entry for entry in entries if entry.cluster not in told], shares)
    return [entry if entry.split else replace(entry, split=told[entry.cluster]) for entry in entries]


def _warn_of_pairs(entries: list[Entry]) -> None:
    """Say where ids look like the eyes of patients that nobody names."""
    pairs = likely_pairs(entry.image_id for entry in entries if not entry.patient)
    if pairs:
        print(
            f"warning: {2 * len(pairs)} images look like pairs of one patient's eyes ({' and '.join(pairs[0])}), but "
            "their patients are unknown, so a pair may fall into two splits: give the table a column `patient`, or "
            "name the files like 17_left and 17_right",
            file=sys.stderr,
        )


def _draw(entries: list[Entry], shares: Shares) -> dict[Cluster, Split]:
    """Systematic sampling over the clusters, ordered by grade and, within a grade, by a seeded hash."""
    highest: dict[Cluster, int] = {}
    for entry in entries:
        highest[entry.cluster] = max(entry.grade, highest.get(entry.cluster, 0))

    def place(cluster: Cluster) -> tuple[int, bytes]:
        return highest[cluster], hashlib.sha256(repr((shares.seed, *cluster)).encode()).digest()

    order = sorted(highest, key=place)
    test = _evenly(order, round(len(order) * shares.test))
    rest = [cluster for cluster in order if cluster not in test]
    val = _evenly(rest, min(round(len(order) * shares.val), len(rest)))
    return {cluster: "test" if cluster in test else "val" if cluster in val else "train" for cluster in order}


def _evenly(order: list[Cluster], count: int) -> set[Cluster]:
    """So many of them, at equal distances."""
    n = len(order)
    return {c for i, c in enumerate(order) if ((i + 1) * count + n // 2) // n > (i * count + n // 2) // n}
