"""The runs of a system of others that params.yaml declares: its networks, and the blends of its ladder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from benchmark.common.terms import Arm, Size
from benchmark.data.manifest import ManifestRow
from benchmark.data.packs import PackSpec
from benchmark.data.roles import assign_roles, roles_sha256
from benchmark.runs.code import keyed
from benchmark.runs.spec import BlendSpec, DataSummary, NetSpec, Objective, Roles, RunSpec
from benchmark.settings.devices import resolved
from benchmark.settings.params import Params
from models.blends.registry import BLENDS
from models.losses.registry import LOSSES
from models.settings import Cells, Model
from models.system_settings import Net, SystemSettings, Warp
from models.systems.registry import SYSTEMS, Row, geometry
from models.weights_file import identified

ONE_PASS = 0
"""Passes of a row whose nets see the image as it is, once."""


def describe_system(
    params: Params,
    name: str,
    manifest: Sequence[ManifestRow],
    data: DataSummary,
    prepared: Callable[[Params, Size], PackSpec],
) -> list[RunSpec]:
    """The runs of a system, seed by seed of each of its networks and then of each row of its ladder.

    Args:
        params: all parameters.
        name: of the system.
        manifest: the data set.
        data: its summary.
        prepared: gives how the images at a size were made.
    """
    settings = params.systems[name]
    dealt = _dealt(manifest, settings.holdout_fraction)
    seeds = params.seeds_of(name)
    trained: dict[str, list[RunSpec]] = {}

    def runs_of(net: str) -> list[RunSpec]:
        if net not in trained:
            own = settings.nets[net]
            spec = _network(params, name, net, data, dealt, prepared(params, own.size))
            parents = [parent.key for parent in runs_of(own.parent)] if own.parent else [""] * len(seeds)
            trained[net] = [
                _seeded(spec.model_copy(update={"parent_key": key}), seed)
                for key, seed in zip(parents, seeds, strict=True)
            ]
        return trained[net]

    specs = [spec for net in settings.nets for spec in runs_of(net)]
    for arm, row in SYSTEMS[name].rows.items():
        for place, seed in enumerate(seeds):
            members = [trained[net][place] for net in row_nets(row, settings)]
            specs.append(_seeded(_blended(arm, row, members, settings), seed))
    return specs


def row_nets(row: Row, settings: SystemSettings) -> list[str]:
    """Names of the networks that a row of the ladder reads."""
    nets = list(settings.nets)
    if isinstance(row.nets, tuple):
        return list(row.nets)
    return {"first": nets[:1], "last": nets[-1:], "all": nets}[row.nets]


def system_model(params: Params, system: str, net: str) -> Model:
    """What a network of a system has of those that every arm shares: its normalisation and, for some, its trunk.

    Raises:
        InputError: the trunk's weights are not there.
    """
    entry = SYSTEMS[system]
    if entry.shares_trunk:
        return identified(params.model).model_copy(update={"cells": Cells()})
    mean, std = entry.colours or ((entry.centre,) * 3,) * 2
    return Model(trunk=f"{system}/{net}", mean=_shares(mean), std=_shares(std))


def _shares(levels: tuple[float, float, float]) -> tuple[float, float, float]:
    red, green, blue = (level / 255 for level in levels)
    return red, green, blue


def _dealt(manifest: Sequence[ManifestRow], holdout_fraction: float) -> Roles:
    dealt = assign_roles(manifest, holdout_fraction)
    counts = Counter(dealt.values())
    return Roles(
        holdout_fraction=holdout_fraction, fit=counts["fit"], holdout=counts["holdout"], sha256=roles_sha256(dealt)
    )


def _network(params: Params, system: str, name: str, data: DataSummary, dealt: Roles, prepared: PackSpec) -> RunSpec:
    settings, entry = params.systems[system], SYSTEMS[system]
    net: Net = settings.nets[name]
    sides = geometry(system, name, net, prepared.size)
    train = resolved(params.train_of(system, name)).model_copy(update={"workers": 0})
    return RunSpec(
        stage=system,
        arm=name,
        seed=0,
        objective=Objective(
            name=entry.objective,
            parameters={**LOSSES[entry.objective].defaults, **params.objectives.get(entry.objective, {})},
        ),
        heads=list(LOSSES[entry.objective].heads),
        size=net.size,
        pixels=sides.input_px,
        level=1,
        parent=str(Arm(system, net.parent)) if net.parent else "",
        parent_key="",
        data=data,
        prepared=prepared,
        model=system_model(params, system, name),
        train=train,
        system=NetSpec(
            name=f"{system}/{name}",
            fov_px=sides.fov_px,
            blocks=net.blocks,
            width=net.width,
            colour_normalisation=entry.colour_normalisation,
            momentum=settings.momentum,
            warp=settings.warp,
            roles=dealt,
        ),
    )


def _blended(name: str, row: Row, members: Sequence[RunSpec], settings: SystemSettings) -> RunSpec:
    """A row of the ladder; of its training it holds that of its first network."""
    first, entry = members[0], SYSTEMS[members[0].stage]
    assert first.system
    # Of its own kind, nothing: no mirroring, a range of 0.
    rest = {name: type(getattr(settings.warp, name))() for name in entry.still}
    blend = BlendSpec(
        name=row.blend,
        parameters={key: settings.blend.get(key, value) for key, value in BLENDS[row.blend].defaults.items()},
        members=[str(Arm(spec.stage, spec.arm)) for spec in members],
        member_keys=[spec.key for spec in members],
        passes=settings.passes if row.passes else ONE_PASS,
        warp=settings.warp.model_copy(update=rest) if row.passes else Warp(flip=False),
        layer=entry.layer,
        eyes=row.eyes,
        statistics=row.statistics,
        missing=entry.missing,
        roles=first.system.roles,
    )
    changed = {
        "arm": name,
        "objective": Objective(name=row.blend, parameters=blend.parameters),
        "parent": "",
        "parent_key": "",
        "heads": [BLENDS[row.blend].head],
        "model": Model(trunk=first.stage),
        "system": None,
        "blend": blend,
    }
    return first.model_copy(update=changed)


def _seeded(spec: RunSpec, seed: int) -> RunSpec:
    return keyed(spec.model_copy(update={"seed": seed}))
