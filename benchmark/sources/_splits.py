"""Photographs of a table that has no splits, dealt by patient; a file that recurs stays in one split."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from benchmark.common.eyes import likely_pairs
from benchmark.common.section import Section
from benchmark.common.splitting import Cluster, cluster_of, evenly_spaced, sorted_by_grade
from benchmark.common.terms import Eye, Split
from benchmark.sources._equal_files import equal_files


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
        return cluster_of(self.patient, self.image_id)


def deal(entries: list[Entry], shares: Shares) -> list[Entry]:
    """Give a split to every entry that has none, so that no patient and no recurring file is dealt to two.

    A patient with a split in one row keeps it in all; the others are dealt by the shares. Where the table has train
    and test in full but no val, val is dealt from train. Every split that is dealt holds its share of each grade (a
    patient's highest). What a patient gets does not depend on the order of the rows. Patients who share a file, byte
    for byte, are dealt to one split, and others with the same grades take their places.
    """
    _warn_of_pairs(entries)
    if {entry.split for entry in entries} == {"train", "test"}:
        train = [entry for entry in entries if entry.split == "train"]
        dealt = _together(train, _draw(train, shares.model_copy(update={"test": 0.0})), {})
        return [replace(entry, split=dealt[entry.cluster]) if entry.split == "train" else entry for entry in entries]
    given = sorted((entry.split, entry.cluster) for entry in entries if entry.split)
    told: dict[Cluster, Split] = {cluster: split for split, cluster in given}
    drawn = _draw([entry for entry in entries if entry.cluster not in told], shares)
    told |= _together(entries, drawn, told)
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


def _together(
    entries: list[Entry], drawn: Mapping[Cluster, Split], told: Mapping[Cluster, Split]
) -> dict[Cluster, Split]:
    """What was drawn, exchanged so that clusters that share a file are in one split: that of one told, else the first.

    A cluster's place is taken by one with the same grades, so that each split keeps its counts as far as there is one.
    """
    dealt = dict(drawn)
    owners: dict[Path, set[Cluster]] = {}
    grades: dict[Cluster, list[int]] = {}
    for entry in entries:
        owners.setdefault(entry.path, set()).add(entry.cluster)
        grades.setdefault(entry.cluster, []).append(entry.grade)
    groups = [set().union(*(owners[path] for path in same)) for same in equal_files(owners)]
    groups = _joined(groups)
    tied = set().union(*groups)
    free: dict[tuple[Split, tuple[int, ...]], list[Cluster]] = {}
    for cluster in sorted(set(dealt) - tied, reverse=True):
        free.setdefault((dealt[cluster], tuple(sorted(grades[cluster]))), []).append(cluster)
    for group in groups:
        target = min((told[cluster] for cluster in group if cluster in told), default=dealt.get(min(group)))
        assert target is not None
        for cluster in sorted(group & set(dealt)):
            if dealt[cluster] != target:
                others = free.get((target, tuple(sorted(grades[cluster]))))
                if others:
                    dealt[others.pop()] = dealt[cluster]
                dealt[cluster] = target
    return dealt


def _joined(groups: Iterable[set[Cluster]]) -> list[set[Cluster]]:
    """Groups with a member in common are one, in the order of their first members."""
    joined: list[set[Cluster]] = []
    for group in groups:
        apart = [other for other in joined if not other & group]
        joined = [*apart, group.union(*(other for other in joined if other & group))]
    return sorted((group for group in joined if len(group) > 1), key=min)


def _draw(entries: list[Entry], shares: Shares) -> dict[Cluster, Split]:
    """Systematic sampling over the clusters, ordered by grade and, within a grade, by a seeded hash."""
    highest: dict[Cluster, int] = {}
    for entry in entries:
        highest[entry.cluster] = max(entry.grade, highest.get(entry.cluster, 0))

    order = sorted_by_grade(highest, shares.seed)
    test = evenly_spaced(order, round(len(order) * shares.test))
    rest = [cluster for cluster in order if cluster not in test]
    val = evenly_spaced(rest, min(round(len(order) * shares.val), len(rest)))
    return {cluster: "test" if cluster in test else "val" if cluster in val else "train" for cluster in order}
