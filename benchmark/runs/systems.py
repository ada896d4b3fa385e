"""The declared runs of a compared system: its networks, and the blends of its steps."""

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
"""``tta_views`` of a step without test-time augmentation."""


def resolve_system(
    params: Params,
    name: str,
    manifest: Sequence[ManifestRow],
    data: DataSummary,
    prepared: Callable[[Params, Size], PackSpec],
) -> list[NetworkRun | BlendRun]:
    """Return the runs of a system: all seeds of each network, then all seeds of each step.

    Args:
        params: all parameters.
        name: name of the system.
        manifest: the data set.
        data: summary of the data set.
        prepared: returns the specification of the packs of a size.
    """
    settings = params.systems[name]
    holdout = _holdout(manifest, settings.holdout_fraction)
    seeds = params.seeds_of(name)
    trained: dict[str, list[NetworkRun]] = {}

    def runs_of(net: str) -> list[NetworkRun]:
        if net not in trained:
            size, parent = settings.nets[net].size, settings.nets[net].parent
            spec = _network(params, name, net, data, holdout, prepared(params, size))
            parents = [run.key for run in runs_of(parent)] if parent else [""] * len(seeds)
            trained[net] = [
                with_key(spec.model_copy(update={"parent_key": key, "seed": seed}))
                for key, seed in zip(parents, seeds, strict=True)
            ]
        return trained[net]

    networks = [spec for net in settings.nets for spec in runs_of(net)]
    blends = [
        _blend(arm, step, [trained[net][i] for net in step_nets(step, settings)], settings)
        for arm, step in SYSTEMS[name].steps.items()
        for i in range(len(seeds))
    ]
    return [*networks, *blends]


def step_nets(step: Step, settings: SystemSettings) -> list[str]:
    """Return the names of the networks that a step reads."""
    nets = list(settings.nets)
    if isinstance(step.nets, tuple):
        return list(step.nets)
    return {"first": nets[:1], "last": nets[-1:], "all": nets}[step.nets]


def system_model(params: Params, system: str, net: str) -> Model:
    """Return the model settings of a system's network: its normalisation and, if shared with the arms, its backbone.

    Raises:
        InputError: the backbone's weights are missing.
    """
    entry = SYSTEMS[system]
    if entry.shares_backbone:
        return with_weights_hash(params.model).model_copy(update={"cells": Cells()})
    mean, std = entry.colours or ((entry.centre,) * 3,) * 2
    return Model(backbone=f"{system}/{net}", mean=_fractions(mean), std=_fractions(std))


def _fractions(levels: tuple[float, float, float]) -> tuple[float, float, float]:
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
    """Return the run of a step, from the runs of its networks with one seed."""
    first, entry, blend = members[0], SYSTEMS[members[0].method], BLENDS[step.blend]
    # Augmentations of training alone are turned off at test time: no mirroring, a range of 0.
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
