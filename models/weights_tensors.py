"""Tensors of a weights file under timm's names, checked for completeness."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.common.errors import InputError
from benchmark.common.units import some
from models.weights.registry import MAPPINGS, load_mapping, mappings_for
from models.weights_file import find_weights

if TYPE_CHECKING:
    from torch import Tensor

_COUNTER = "num_batches_tracked"
"""Batch counter of batch norm, which does not affect the output and which many files lack."""


def timm_tensors(weights: str, backbone: str) -> dict[str, Tensor]:
    """Read the tensors of the file of ``model.weights`` under timm's names, without the classifier.

    The names must be timm's or those of a mapping in :mod:`models.weights`; names and shapes must match one to one.
    Only the classifier, which is not part of a backbone, may be absent or have another width. Raises InputError if the
    file cannot be read or has other tensors.
    """
    path = find_weights(weights)
    wanted, classifier = _wanted(backbone)
    found = {name: value for name, value in _read(path).items() if not name.endswith(_COUNTER)}
    if not found.keys() & (wanted.keys() - classifier):
        found = _renamed(found, tuple(wanted), backbone)
    lacking = [name for name in wanted if name not in found and name not in classifier]
    extra = [name for name in found if name not in wanted]
    for fault, names in (("lacks", lacking), ("also has", extra)):
        if names:
            msg = (
                f"model.weights must have the {len(wanted)} tensors of {backbone}, but {path.name} {fault} "
                f"{some(names, 3)}: take a file made for that backbone, or set `model.backbone` accordingly"
            )
            raise InputError(msg)
    for name in (name for name in found if name not in classifier):
        if tuple(found[name].shape) != wanted[name]:
            msg = (
                f"model.weights must have the tensors of {backbone}, but {name} is {tuple(found[name].shape)} in "
                f"{path.name} instead of {wanted[name]}: take a file made for that backbone, or set "
                "`model.backbone` accordingly"
            )
            raise InputError(msg)
    return {name: value for name, value in found.items() if name not in classifier}


def _wanted(backbone: str) -> tuple[dict[str, tuple[int, ...]], frozenset[str]]:
    """Return the shapes of a network's tensors by timm's names, and the names of its classifier's tensors."""
    import timm
    import torch

    with torch.device("meta"):
        network = timm.create_model(backbone)
    shapes = {name: tuple(value.shape) for name, value in network.state_dict().items() if not name.endswith(_COUNTER)}
    named = network.pretrained_cfg.get("classifier") or ()
    layers = (named,) if isinstance(named, str) else tuple(named)
    return shapes, frozenset(f"{layer}.{kind}" for layer in layers for kind in ("weight", "bias"))


def _read(path: Path) -> dict[str, Tensor]:
    """Read the tensors of a file under its own names; unpickling is limited to tensors and runs no code."""
    import torch
    from timm.models import load_state_dict

    try:
        found: dict[str, Tensor] = load_state_dict(str(path))
        assert all(isinstance(value, torch.Tensor) for value in found.values())
    except Exception as error:  # Each reader raises its own exceptions on damaged files.
        reason = str(error).strip().splitlines() or [type(error).__name__]
        msg = (
            f"model.weights must be a safetensors file or a torch state dict of tensors, but {path} is neither "
            f"({reason[0]}): save it with safetensors, or as `torch.save(model.state_dict(), path)`"
        )
        raise InputError(msg) from error
    return found


def _renamed(found: Mapping[str, Tensor], wanted: tuple[str, ...], backbone: str) -> dict[str, Tensor]:
    """Rename tensors to timm's names by the first mapping that recognises the file; the others keep their names."""
    for name in mappings_for(backbone):
        if MAPPINGS[name].sign in found:
            names = load_mapping(name)(tuple(found), wanted)
            return {names.get(theirs, theirs): value for theirs, value in found.items()}
    return dict(found)
