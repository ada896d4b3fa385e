"""Do the runs that lie here belong together: each trained as declared, from the parent that lies beside it?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from benchmark.common.errors import InputError
from benchmark.common.terms import Arm
from benchmark.runs.epochs import epochs_of
from benchmark.runs.spec import RunResult
from benchmark.settings.params import Params
from models.blends.registry import BLENDS
from models.losses.registry import LOSSES
from models.settings import Cells, Model
from models.systems.registry import SYSTEMS, fov_of

_EXECUTION = {"device", "precision", "compile", "workers", "threads", "checkpoint_minutes"}
"""Parameters of training that say how it is executed and not what is trained; captions name those that matter."""

Runs = Mapping[tuple[str, int], RunResult]
"""By ``stage/arm`` and seed."""


def refuse_strangers(params: Params, results: Sequence[RunResult]) -> None:
    """Stop where runs do not belong together.

    Args:
        params: what is declared.
        results: the runs, each found under the name, seed, loss, size and parent that are declared for it.

    Raises:
        InputError: naming each run that is a stranger to the others, and why.
    """
    runs = {(f"{result.stage}/{result.arm}", result.seed): result for result in results}
    faults = [f"{result.title} {fault}" for result in results for fault in _faults(params, result, runs)]
    if faults:
        msg = f"runs must belong together, but {'; '.join(faults)}: train them again with `dvc repro`"
        raise InputError(msg)


def _faults(params: Params, result: RunResult, runs: Runs) -> Iterator[str]:
    if result.roles:
        yield from _system_faults(params, result, runs)
        return
    yield from _parent_faults(result, runs)
    epochs = _epochs(params, result, runs)
    if epochs and epochs != result.train.epochs:
        yield f"was trained for {_counted(result.train.epochs)} where {epochs} are declared"
    if changed := _changed(params, result):
        yield f"was trained with {', '.join(changed)}"


def _parent_faults(result: RunResult, runs: Runs) -> Iterator[str]:
    parent = runs.get((result.parent, result.seed))
    if parent and parent.key != result.parent_key:
        yield f"does not start from the {parent.title} that lies here, which was trained since"


def _system_faults(params: Params, result: RunResult, runs: Runs) -> Iterator[str]:
    """The same of a system's network or blend."""
    settings = params.systems[result.stage]
    assert result.roles
    if result.roles.holdout_fraction != settings.holdout_fraction:
        held_out, declared = result.roles.holdout_fraction, settings.holdout_fraction
        yield f"holds out {held_out} of the train patients for blends where {declared} is declared"
    declared_images = (params.prepare.colour_normalisation, params.prepare.encoding)
    images = (result.prepared.colour_normalisation, result.prepared.encoding)
    if images != declared_images:
        yield f"was made of {' '.join(images)} images where others are declared"
    yield from _blend_faults(params, result, runs) if result.blend else _net_faults(params, result, runs)


def _blend_faults(params: Params, result: RunResult, runs: Runs) -> Iterator[str]:
    settings = params.systems[result.stage]
    assert result.blend
    for member, key in zip(result.blend.members, result.blend.member_keys, strict=True):
        found = runs.get((member, result.seed))
        if found is None or found.key != key:
            yield f"does not blend the {member} seed {result.seed} that lies here, which was trained since"
    declared = {key: settings.blend.get(key, value) for key, value in BLENDS[result.blend.name].defaults.items()}
    if result.blend.parameters != declared or result.blend.passes not in (0, settings.passes):
        yield "was blended with other parameters or passes than are declared"


def _net_faults(params: Params, result: RunResult, runs: Runs) -> Iterator[str]:
    settings = params.systems[result.stage]
    assert result.system
    yield from _parent_faults(result, runs)
    found = {name: getattr(result.system, name) for name in ("fov_px", "blocks", "width")}
    found |= {"size": result.size, "parent": Arm.parse(result.parent).name}
    train = params.train_of(result.stage, result.arm).model_dump(mode="json", exclude=_EXECUTION)
    trained = result.train.model_dump(mode="json", exclude=_EXECUTION)
    same = (result.system.momentum, result.system.warp) == (settings.momentum, settings.warp)
    net = settings.nets[result.arm]
    fov_px = fov_of(result.stage, net, params.sizes.of(net.size), result.pixels)
    declared = net.model_copy(update={"fov_px": fov_px}).model_dump(exclude={"train"})
    if declared != found or train != trained or not same:
        yield "was trained with other parameters than are declared"
    if SYSTEMS[result.stage].shares_trunk:
        network = result.model.model_dump(mode="json")
        for name, value in _network(params.model.model_copy(update={"cells": Cells()}), result.model).items():
            if network.get(name) != value:
                yield f"was trained with model.{name} {network.get(name)} where {value} is declared"


def _epochs(params: Params, result: RunResult, runs: Runs) -> int | None:
    """Epochs that are declared for a run; None where a run that they hang on is not here.

    Multiply-adds are those that the runs were counted at, so that no network is built.
    """
    arm = params.arm(result.stage, result.arm)
    if arm.match != "macs":
        return epochs_of(params, result.stage, result.arm)
    spent, path = 0, arm.of
    while path:
        link = runs.get((path, result.seed))
        if link is None:
            return None
        spent += link.train.epochs * link.macs_per_image
        path = link.parent
    return max(1, round(spent / result.macs_per_image))


def _changed(params: Params, result: RunResult) -> list[str]:
    """Parameters with another value than the declared one, in words."""
    loss = result.objective.name
    # Without cells a network does not depend on how they are made.
    model = params.model if result.level > 1 else params.model.model_copy(update={"cells": Cells()})
    declared: dict[str, dict[str, Any]] = {
        "train": params.train.model_dump(mode="json", exclude={"epochs", *_EXECUTION}),
        "model": _network(model, result.model),
        "prepare": {"colour_normalisation": params.prepare.colour_normalisation, "encoding": params.prepare.encoding},
        f"objectives.{loss}": {**LOSSES[loss].defaults, **params.objectives.get(loss, {})},
    }
    trained = (
        result.train.model_dump(mode="json"),
        result.model.model_dump(mode="json"),
        asdict(result.prepared),
        result.objective.parameters,
    )
    return [
        f"{section}.{name} {found.get(name)} where {value} is declared"
        for (section, fields), found in zip(declared.items(), trained, strict=True)
        for name, value in fields.items()
        if found.get(name) != value
    ]


def _network(declared: Model, trained: Model) -> dict[str, Any]:
    """The declared network as a run's is compared with it: its weights lie anywhere, and are known by their hash."""
    fields = declared.model_dump(mode="json", exclude={"weights"})
    if declared.weights and not declared.weights_sha256:
        fields["weights_sha256"] = trained.weights_sha256 or f"that of {declared.weights}"
    return fields


def _counted(epochs: int) -> str:
    return f"{epochs} epoch" + "s" * (epochs != 1)
