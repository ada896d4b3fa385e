"""The runs of a system of others that params.yaml declares: its networks, and the blends of its ladder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from benchmark.common.terms import Arm, Size
from benchmark.data.manifest import ManifestRow
from benchmark.data.packs import PackSpec
from benchmark.data.roles import assign_roles, roles_sha256
from benchmark.runs.code import with_key
from benchmark.runs.run import DataSummary, Holdout, PluginChoice
from benchmark.runs.spec import BlendRun, NetworkRun, heads_of
from benchmark.settings.devices import resolved
from benchmark.settings.params import Params
from models.blends.registry import BLENDS
from models.settings import Cells, Model
from models.system_settings import AffineAugment, Net, SystemSettings
from models.systems.registry import SYSTEMS, Step, geometry
from models.weights_file import with_weights_hash

ONE_VIEW = 0
"""Passes of a step whose nets see the image as it is, once."""


def resolve_system(
    params: Params,
    name: str,
    manifest: Sequence[ManifestRow],
    data: DataSummary,
    prepared: Callable[[Params, Size], PackSpec],
) -> list[NetworkRun | BlendRun]:
    """The runs of a system, seed by seed of each of its networks and then of each step of its ladder.

    Args:
        params: all parameters.
        name: of the system.
        manifest: the data set.
        data: its summary.
        prepared: gives how the images at a size were made.
    """
    settings = params.systems[name]
    holdout = _holdout(manifest, settings.holdout_fraction)
    seeds = params.seeds_of(name)
    trained: dict[str, list[NetworkRun]] = {}

    def runs_of(net: str) -> list[NetworkRun]:
        if net not in trained:
            own = settings.nets[net]
            spec = _network(params, name, net, data, holdout, prepared(params, own.size))
            parents = [parent.key for parent in runs_of(own.parent)] if own.parent else [""] * len(seeds)
            trained[net] = [
                with_key(spec.model_copy(update={"parent_key": key, "seed": seed}))
                for key, seed in zip(parents, seeds, strict=True)
            ]
        return trained[net]

    networks = [spec for net in settings.nets for spec in runs_of(net)]
    blends = [
        _blend(arm, step, [trained[net][place] for net in step_nets(step, settings)], settings)
        for arm, step in SYSTEMS[name].steps.items()
        for place in range(len(seeds))
    ]
    return [*networks, *blends]


def step_nets(step: Step, settings: SystemSettings) -> list[str]:
    """Names of the networks that a step of the ladder reads."""
    nets = list(settings.nets)
    if isinstance(step.nets, tuple):
        return list(step.nets)
    return {"first": nets[:1], "last": nets[-1:], "all": nets}[step.nets]


def system_model(params: Params, system: str, net: str) -> Model:
    """What a network of a system has of those that every arm shares: its normalisation and, for some, its backbone.

    Raises:
        InputError: the backbone's weights are not there.
    """
    entry = SYSTEMS[system]
    if entry.shares_backbone:
        return with_weights_hash(params.model).model_copy(update={"cells": Cells()})
    mean, std = entry.colours or ((entry.centre,) * 3,) * 2
    return Model(backbone=f"{system}/{net}", mean=_shares(mean), std=_shares(std))


def _shares(levels: tuple[float, float, float]) -> tuple[float, float, float]:
    red, green, blue = (level / 255 for level in levels)
    return red, green, blue


def _holdout(manifest: Sequence[ManifestRow], fraction: float) -> Holdout:
    role_of = assign_roles(manifest, fraction)
    counts = Counter(role_of.values())
    return Holdout(
        fraction=fraction, fit_images=counts["fit"], held_images=counts["holdout"], sha256=roles_sha256(role_of)
    )


def _network(
    params: Params, system: str, name: str, data: DataSummary, holdout: Holdout, prepared: PackSpec
) -> NetworkRun:
    settings, entry = params.systems[system], SYSTEMS[system]
    net: Net = settings.nets[name]
    sides = geometry(system, name, net, prepared.size)
    return NetworkRun(
        method=system,
        arm=name,
        seed=0,
        loss=PluginChoice(name=entry.loss, parameters=params.loss_parameters(entry.loss)),
        heads=heads_of(entry.loss),
        size=net.size,
        pixels=sides.input_px,
        parent=str(Arm(system, net.parent)) if net.parent else "",
        carries=entry.inherits,
        data=data,
        prepared=prepared,
        model=system_model(params, system, name),
        train=resolved(params.train_of(system, name)).model_copy(update={"parallel_runs": 0}),
        fov_px=sides.fov_px,
        blocks=net.blocks,
        width=net.width,
        colour_normalisation=entry.colour_normalisation,
        momentum=settings.momentum,
        augment=settings.augment,
        holdout=holdout,
    )


def _blend(arm: str, step: Step, members: Sequence[NetworkRun], settings: SystemSettings) -> BlendRun:
    """Describe a step of the ladder by its members, the runs of its networks with one seed."""
    first, entry, blend = members[0], SYSTEMS[members[0].method], BLENDS[step.blend]
    # Changes that belong to training alone take their neutral value: no mirroring, a range of 0.
    neutral = {name: type(getattr(settings.augment, name))() for name in entry.train_only_augment}
    spec = BlendRun(
        method=first.method,
        arm=arm,
        seed=first.seed,
        heads=[blend.head],
        blend=PluginChoice(
            name=step.blend, parameters={key: settings.blend.get(key, value) for key, value in blend.defaults.items()}
        ),
        tuned=entry.tuned,
        members=[str(Arm(spec.method, spec.arm)) for spec in members],
        member_keys=[spec.key for spec in members],
        member_pixels=[spec.pixels for spec in members],
        tta_views=settings.tta_views if step.tta else ONE_VIEW,
        augment=settings.augment.model_copy(update=neutral) if step.tta else AffineAugment(flip=False),
        layer=entry.layer,
        eyes=step.eyes,
        statistics=step.statistics,
        missing=entry.missing_fellow,
        holdout=first.holdout,
        data=first.data,
        size=first.size,
        pixels=first.pixels,
        prepared=first.prepared,
        train=first.train,
    )
    return with_key(spec)
