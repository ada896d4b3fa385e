"""Stratified splits by patient, for tables that have none; identical files stay in one split."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from benchmark.common.eyes import warn_of_torn_patients
from benchmark.common.files import sha256_file
from benchmark.common.section import Section
from benchmark.common.splitting import Cluster, cluster_of, evenly_spaced, sorted_by_grade
from benchmark.common.terms import Eye, Split


class SplitFractions(Section):
    """Random split of the patients whose split the table does not give; train gets the rest."""

    val: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Fraction of patients for val."""
    test: Annotated[float, Field(ge=0, lt=1)] = 0.2
    """Fraction of patients for test."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the random split."""

    @model_validator(mode="after")
    def _leaves_train(self) -> SplitFractions:
        if self.val + self.test >= 1:
            msg = f"val + test must be below 1 to leave patients for train, but is {self.val} + {self.test}"
            raise ValueError(msg)
        return self


@dataclass(frozen=True, slots=True)
class GradedFile:
    """One row of a data set's table with its file; ``split`` is None until one is assigned."""

    image_id: str
    path: Path
    grade: int
    split: Split | None
    patient: str
    eye: Eye
    written: str = ""

    @property
    def cluster(self) -> Cluster:
        """Unit of splitting: the patient, or the image alone if the patient is unknown."""
        return cluster_of(self.patient, self.image_id)


def assign_splits(files: list[GradedFile], fractions: SplitFractions) -> list[GradedFile]:
    """Assign a split to every file without one; no patient and no identical file ends up in two splits.

    A patient with a split in one row keeps it in all rows; the others are split at random by the fractions. If the
    table has complete train and test splits but no val, val is drawn from train. Splits are stratified by grade (a
    patient's highest) and do not depend on the order of the rows. Patients with byte-identical files go to one split,
    in exchange for others with the same grades.
    """
    if warning := warn_of_torn_patients((file.image_id, file.patient) for file in files):
        print(f"warning: {warning}; until then, a patient may be in two splits", file=sys.stderr)
    if {file.split for file in files} == {"train", "test"}:
        train = [file for file in files if file.split == "train"]
        splits = _keep_together(train, _draw(train, fractions.model_copy(update={"test": 0.0})), {})
        return [replace(file, split=splits[file.cluster]) if file.split == "train" else file for file in files]
    declared = sorted((file.split, file.cluster) for file in files if file.split)
    fixed: dict[Cluster, Split] = {cluster: split for split, cluster in declared}
    drawn = _draw([file for file in files if file.cluster not in fixed], fractions)
    splits = fixed | _keep_together(files, drawn, fixed)
    return [file if file.split else replace(file, split=splits[file.cluster]) for file in files]


def _keep_together(
    files: list[GradedFile], drawn: Mapping[Cluster, Split], fixed: Mapping[Cluster, Split]
) -> dict[Cluster, Split]:
    """Move clusters that share a file into one split: the fixed split of one of them, or that of the first.

    Each moved cluster is exchanged for one with the same grades if there is one, so the sizes of the splits stay.
    """
    splits = dict(drawn)
    owners: dict[Path, set[Cluster]] = {}
    grades: dict[Cluster, list[int]] = {}
    for file in files:
        owners.setdefault(file.path, set()).add(file.cluster)
        grades.setdefault(file.cluster, []).append(file.grade)
    groups = _merge_overlapping(set().union(*(owners[path] for path in same)) for same in _identical_files(owners))
    grouped = set().union(*groups)
    exchangeable: dict[tuple[Split, tuple[int, ...]], list[Cluster]] = {}
    for cluster in sorted(set(splits) - grouped, reverse=True):
        exchangeable.setdefault((splits[cluster], tuple(sorted(grades[cluster]))), []).append(cluster)
    for group in groups:
        target = min((fixed[cluster] for cluster in group if cluster in fixed), default=splits.get(min(group)))
        assert target is not None
        for cluster in sorted(group & set(splits)):
            if splits[cluster] != target:
                others = exchangeable.get((target, tuple(sorted(grades[cluster]))))
                if others:
                    splits[others.pop()] = splits[cluster]
                splits[cluster] = target
    return splits


def _identical_files(paths: Iterable[Path]) -> list[list[Path]]:
    """Group two or more files with the same bytes; only files of one size are read. Missing files are ignored."""
    sizes: dict[int, list[Path]] = {}
    for path in paths:
        with suppress(OSError):  # The name may be too long for a file.
            if path.is_file():
                sizes.setdefault(path.stat().st_size, []).append(path)
    hashes: dict[str, list[Path]] = {}
    for candidates in sizes.values():
        for path in candidates if len(candidates) > 1 else ():
            hashes.setdefault(sha256_file(path), []).append(path)
    return [same for same in hashes.values() if len(same) > 1]


def _merge_overlapping(groups: Iterable[set[Cluster]]) -> list[set[Cluster]]:
    """Merge groups with a common member; return those of two or more, in the order of their first members."""
    merged: list[set[Cluster]] = []
    for group in groups:
        disjoint = [other for other in merged if not other & group]
        merged = [*disjoint, group.union(*(other for other in merged if other & group))]
    return sorted((group for group in merged if len(group) > 1), key=min)


def _draw(files: list[GradedFile], fractions: SplitFractions) -> dict[Cluster, Split]:
    """Sample systematically over the clusters, ordered by grade and, within a grade, by a seeded hash."""
    highest: dict[Cluster, int] = {}
    for file in files:
        highest[file.cluster] = max(file.grade, highest.get(file.cluster, 0))
    order = sorted_by_grade(highest, fractions.seed)
    test = evenly_spaced(order, round(len(order) * fractions.test))
    rest = [cluster for cluster in order if cluster not in test]
    val = evenly_spaced(rest, min(round(len(order) * fractions.val), len(rest)))
    return {cluster: "test" if cluster in test else "val" if cluster in val else "train" for cluster in order}
