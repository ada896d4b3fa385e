"""Scope of a verdict: the conclusions about the paper that the data and the settings of its runs allow.

A run is in the paper's setting if its photographs come from the paper's data set with its official split, less a few,
and if every parameter that affects a result equals the declared profile: input sizes, colours, network, training,
losses, and the arms with their ancestors. Options that only decide how a training is executed may differ.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmark.common.section import flattened
from benchmark.common.terms import Arm, Split
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
    """Compose the parameters of the paper's setting; None for other data, which are never in it.

    Raises:
        InputError: the profile breaks a rule.
    """
    if data.source != paper.data:
        return None
    return parse_params(compose(Path(), paper.profile), f"the profile {' '.join(paper.profile)}")


def scope_of_data(paper: Setting, data: DataSummary) -> Scope:
    """Return the scope that the data allow to arms that the paper does not have."""
    if data.synthetic:
        return "phantom: no claim about real eyes"
    if not SOURCES[data.source].has_photographs:
        return MADE_ELSEWHERE
    return OTHER_SETTINGS if left_out(data, paper) is not None else "other data: evidence on the ordering only"


def scope_of(
    cells: Sequence[Printed], paper: Setting, params: Params, data: DataSummary, profile: Params | None
) -> Scope:
    """Return the scope of a claim from the arms that measure its cells."""
    scope = scope_of_data(paper, data)
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


def left_out(data: DataSummary, paper: Setting) -> dict[Split, int] | None:
    """Count the images that each split lacks of the official one; None for other data or if too many are missing."""
    if paper.data != data.source:
        return None
    missing = {split: images - int(getattr(data, split)) for split, images in paper.images.items()}
    allowed = all(0 <= missing[split] <= paper.may_lack * images for split, images in paper.images.items())
    return missing if allowed else None


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
