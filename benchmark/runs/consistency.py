"""Check that finished runs belong together: each has the declared parameters and the current parents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmark.common.errors import InputError
from benchmark.common.files import sha256_file
from benchmark.common.terms import Arm
from benchmark.data.packs import PackSpec
from benchmark.runs.epochs import epochs_of
from benchmark.runs.run import Holdout
from benchmark.runs.spec import ArmResult, BlendResult, NetworkResult, PredictionsResult, RunResult
from benchmark.settings.params import Params
from benchmark.settings.predictions import GivenPredictions
from models.blends.registry import BLENDS
from models.settings import Cells, Model
from models.systems.registry import SYSTEMS, fov_of

_EXECUTION = {"device", "precision", "compile", "parallel_runs", "checkpoint_minutes"}
"""Training options of the execution alone; captions name those that matter."""

Runs = Mapping[str, RunResult]
"""Finished runs by ``method/arm/seed``."""


def check_run_consistency(params: Params, results: Sequence[RunResult]) -> None:
    """Refuse runs that do not belong together.

    Args:
        params: parameters that declare the runs.
        results: runs whose name, seed, loss, size and parent are the declared ones.

    Raises:
        InputError: a run does not belong to the others; the message names each such run and the reason.
    """
    runs = {result.name: result for result in results}
    faults = [f"{result.title} {fault}" for result in results for fault in _faults(params, result, runs)]
    if faults:
        msg = f"runs must belong together, but {'; '.join(faults)}: train them again with `dvc repro`"
        raise InputError(msg)


def _faults(params: Params, result: RunResult, runs: Runs) -> Iterator[str]:
    for name, key in result.needs.items():
        found = runs.get(name)
        if found.key != key if found else name in result.predicts_with:
            yield f"was made from an earlier training of {name}"
    match result:
        case ArmResult():
            yield from _arm_faults(params, result, runs)
        case NetworkResult():
            yield from _system_faults(params, result.holdout, result.prepared, result.method)
            yield from _network_faults(params, result)
        case BlendResult():
            yield from _system_faults(params, result.holdout, result.prepared, result.method)
            yield from _blend_faults(params, result)
        case PredictionsResult():
            yield from _given_faults(params.predicted[result.method], result)


def _arm_faults(params: Params, result: ArmResult, runs: Runs) -> Iterator[str]:
    epochs = _epochs(params, result, runs)
    if epochs and epochs != result.train.epochs:
        yield f"was trained for {result.train.epochs} epochs, but params.yaml declares {epochs}"
    if changed := _changed(params, result):
        yield f"was trained with {', '.join(changed)}"


def _system_faults(params: Params, holdout: Holdout, prepared: PackSpec, system: str) -> Iterator[str]:
    """Compare the parameters that all runs of a system share."""
    declared = params.systems[system].holdout_fraction
    if holdout.fraction != declared:
        yield f"holds out {holdout.fraction} of the train patients, but params.yaml declares {declared}"
    declared_images = params.prepare.model_dump(mode="json", exclude={"workers"})
    if changed := [
        f"{name} {value}" for name, value in asdict(prepared).items() if declared_images.get(name, value) != value
    ]:
        yield f"was trained on images with {', '.join(changed)}, but params.yaml declares others"


def _network_faults(params: Params, result: NetworkResult) -> Iterator[str]:
    settings = params.systems[result.method]
    found = {name: getattr(result, name) for name in ("size", "fov_px", "blocks", "width")}
    found["parent"] = Arm.parse(result.parent).name
    train = params.train_of(result.method, result.arm).model_dump(mode="json", exclude=_EXECUTION)
    trained = result.train.model_dump(mode="json", exclude=_EXECUTION)
    same = (result.momentum, result.augment) == (settings.momentum, settings.augment)
    net = settings.nets[result.arm]
    fov_px = fov_of(result.method, net, params.sizes.of(net.size), result.pixels)
    declared = net.model_copy(update={"fov_px": fov_px}).model_dump(exclude={"train"})
    if declared != found or train != trained or not same:
        yield "was trained with other parameters than params.yaml declares"
    if SYSTEMS[result.method].shares_backbone:
        network = result.model.model_dump(mode="json")
        for name, value in _model(params.model.model_copy(update={"cells": Cells()}), result.model).items():
            if network.get(name) != value:
                yield f"was trained with model.{name} {network.get(name)}, but params.yaml declares {value}"


def _blend_faults(params: Params, result: BlendResult) -> Iterator[str]:
    settings, blend = params.systems[result.method], result.blend
    declared = {key: settings.blend.get(key, value) for key, value in BLENDS[blend.name].defaults.items()}
    if blend.parameters != declared or result.tta_views not in (0, settings.tta_views):
        yield "was fitted with other parameters or TTA views than params.yaml declares"


def _given_faults(given: GivenPredictions, result: PredictionsResult) -> Iterator[str]:
    declared = (given.columns, given.eyes, given.nets, given.views, given.source)
    if declared != (result.columns, result.eyes, result.nets, result.tta_views, result.source):
        yield "was read with other facts than params.yaml declares"
    for split, file in given.files_of(result.seed).items():
        if Path(file).exists() and sha256_file(Path(file)) != result.files_sha256[split]:
            yield f"was read before {file} changed"


def _epochs(params: Params, result: ArmResult, runs: Runs) -> int | None:
    """Return the declared epochs of a run; None if a run that they depend on is missing.

    Multiply-adds are read from the runs, so that no network is built.
    """
    arm = params.arm(result.method, result.arm)
    if arm.match != "macs":
        return epochs_of(params, result.method, result.arm)
    spent, path = 0, arm.of
    while path:
        link = runs.get(f"{path}/{result.seed}")
        if not isinstance(link, ArmResult):
            return None
        spent += link.train.epochs * link.macs_per_image
        path = link.parent
    return max(1, round(spent / result.macs_per_image))


def _changed(params: Params, result: ArmResult) -> list[str]:
    """Describe each parameter whose value is not the declared one."""
    loss, params = result.loss.name, params.of(Arm(result.method, result.arm))
    # The settings of cells affect only networks that have some.
    model = params.model if result.n_cells > 0 else params.model.model_copy(update={"cells": Cells()})
    declared: dict[str, dict[str, Any]] = {
        "train": params.train.model_dump(mode="json", exclude={"epochs", *_EXECUTION}),
        "model": _model(model, result.model),
        "prepare": params.prepare.model_dump(mode="json", exclude={"workers"}),
        f"losses.{loss}": params.loss_parameters(loss),
    }
    trained = (
        result.train.model_dump(mode="json"),
        result.model.model_dump(mode="json"),
        asdict(result.prepared),
        result.loss.parameters,
    )
    return [
        f"{section}.{name} {found.get(name)} instead of {value}"
        for (section, fields), found in zip(declared.items(), trained, strict=True)
        for name, value in fields.items()
        if found.get(name) != value
    ]


def _model(declared: Model, trained: Model) -> dict[str, Any]:
    """Return the declared network's fields to compare; weights are compared by their hash, not their path."""
    fields = declared.model_dump(mode="json", exclude={"weights"})
    if declared.weights and not declared.weights_sha256:
        fields["weights_sha256"] = trained.weights_sha256 or f"that of {declared.weights}"
    return fields
