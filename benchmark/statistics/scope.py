"""Scope of a verdict: the conclusions about the paper that the data and the settings of its runs allow.

A run is in the paper's setting if its photographs come from the paper's data set with its official split, less a few,
which hashes of the ids and grades show, and if every parameter that affects a result equals the declared profile: input
sizes, colours, network, training, losses, and the arms with their ancestors. Options that only decide how a training is
executed may differ.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmark.common.csv_rows import read_rows
from benchmark.common.section import flattened
from benchmark.common.terms import Arm, Split
from benchmark.data.manifest import read_manifest
from benchmark.data.outcome import CHECKS_CSV, SEPARATOR, CheckRow
from benchmark.runs.declared import data_sha256
from benchmark.runs.run import DataSummary
from benchmark.settings.composition import compose
from benchmark.settings.loading import parse_params
from benchmark.settings.params import Params
from benchmark.sources.registry import SOURCES
from benchmark.statistics.published.claims import Setting
from benchmark.statistics.published.tables import Printed, find_arm
from benchmark.statistics.verdict_row import PAPER_SCOPE, Scope

MADE_ELSEWHERE: Scope = "labels alone: rows made elsewhere, none by the paper's method"
OTHER_SETTINGS: Scope = "the paper's data, other settings: evidence on the ordering only"
_EXECUTION = {
    *("device", "precision", "numerics", "compile", "processes", "sync_batch_norm", "grad_accum_steps"),
    *("parallel_runs", "checkpoint_minutes"),
}
"""Training options that decide how, and not what, is computed."""


def declared_profile(paper: Setting, data: DataSummary) -> Params | None:
    """Compose the parameters of the paper's setting; None for other data or splits, which are never in it.

    Raises InputError if the profile breaks a rule, or the manifest is missing.
    """
    if data.source != paper.data or not _lacks_few(paper, data) or not _is_official(paper, data):
        return None
    return parse_params(compose(Path(), paper.profile), f"the profile {' '.join(paper.profile)}")


def scope_of_data(data: DataSummary, profile: Params | None) -> Scope:
    """Return the scope that the data allow to arms that the paper does not have.

    ``profile`` is that of :func:`declared_profile`.
    """
    if data.synthetic:
        return "phantom: no claim about real eyes"
    if not SOURCES[data.source].has_photographs:
        return MADE_ELSEWHERE
    return OTHER_SETTINGS if profile else "other data: evidence on the ordering only"


def scope_of(cells: Sequence[Printed], params: Params, data: DataSummary, profile: Params | None) -> Scope:
    """Return the scope of a claim from the arms that measure its cells."""
    scope = scope_of_data(data, profile)
    if scope != OTHER_SETTINGS or profile is None:
        return scope
    roles = [cell.measured_by.size for cell in cells if cell.measured_by]
    sizes = [params.sizes.of(role) if role else None for role in roles]
    # A compared system never matches its source to the last number, so it has no size of the paper.
    if None in sizes or sizes != [cell.pixels for cell in cells] or differing(cells, params, profile):
        return OTHER_SETTINGS
    return PAPER_SCOPE


def differing(cells: Sequence[Printed], params: Params, profile: Params) -> list[str]:
    """Return the parameters behind some cells, with dots, that differ from those of the paper's setting."""
    ours, theirs = (
        {name: value for cell in cells for name, value in _settings(cell, one)} for one in (params, profile)
    )
    return sorted(name for name in {*ours, *theirs} if ours.get(name) != theirs.get(name))


def left_out(paper: Setting, data: DataSummary) -> dict[Split, int]:
    """Count the images that each split lacks of the official one."""
    return {split: images - int(getattr(data, split)) for split, images in paper.images.items()}


def hash_labels(labels: Iterable[tuple[str, str]]) -> str:
    """Return the hash of images, each an id and a grade, in any order."""
    return hashlib.sha256("".join(f"{name},{grade}\n" for name, grade in sorted(labels)).encode()).hexdigest()


def _lacks_few(paper: Setting, data: DataSummary) -> bool:
    return all(0 <= count <= paper.may_lack * paper.images[split] for split, count in left_out(paper, data).items())


def _is_official(paper: Setting, data: DataSummary) -> bool:
    """Return True if the images of each split, with those that the checks dropped, are the declared ones."""
    manifest = read_manifest()
    found = {(row.split, row.image_id, str(row.grade)) for row in manifest}
    for row in read_rows(CHECKS_CSV, CheckRow, "fundusbench fetch"):
        listed = (field.split(SEPARATOR) for field in (row.splits, row.images, row.grades))
        dropped = row.dropped.split(SEPARATOR)
        found.update(image for image in zip(*listed, strict=True) if image[1] in dropped)
    hashes = {split: hash_labels((name, grade) for one, name, grade in found if one == split) for split in paper.sha256}
    return hashes == paper.sha256 and data_sha256(manifest) == data.manifest_sha256


def _is_execution(name: str) -> bool:
    return name.removeprefix("train.") in _EXECUTION


def _settings(cell: Printed, params: Params) -> Iterator[tuple[str, Any]]:
    """Yield every parameter that affects the arm of a cell, by its name with dots."""
    arm = find_arm(cell.measured_by, params)
    sections: dict[str, Any] = {
        "sizes": params.sizes.model_dump(),
        "prepare": params.prepare.model_dump(exclude={"workers"}),
        "model": params.model.model_dump(),
        "train": params.train.model_dump(exclude=_EXECUTION),
    }
    pending = [str(arm)] if arm and arm.method in params.arms else []
    while pending:
        name = pending.pop()
        settings = params.arm(*Arm.parse(name))
        # Own settings count where they differ from the sections, whether or not params.yaml repeats shared values.
        own = params.own_settings(Arm.parse(name))
        described = settings.model_dump(exclude={"model", "losses", "train", "prepare"})
        sections[f"arms.{name}"] = described | {key: value for key, value in own.items() if not _is_execution(key)}
        sections[f"losses.{settings.loss}"] = params.loss_parameters(settings.loss)
        pending += [other for other in (settings.parent, settings.of) if other]
    yield from flattened(sections)
