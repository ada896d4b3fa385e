"""The tensors of a file of weights under timm's names: all of a network's, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.common.errors import InputError
from models.weights.registry import MAPPINGS, load_mapping, mappings_for
from models.weights_file import find_weights

if TYPE_CHECKING:
    from torch import Tensor

_COUNTER = "num_batches_tracked"
"""Batch norm's count of batches, which no output depends on and many files lack."""


def timm_tensors(weights: str, backbone: str) -> dict[str, Tensor]:
    """What a file holds, under the names that timm gives the tensors of a whole network.

    Names must agree one by one, as timm writes them or as a mapping of :mod:`models.weights` does, and so must shapes.
    The classifier alone, which no backbone has, may be absent or of another width.

    Args:
        weights: as ``model.weights``.
        backbone: timm's name of the network.

    Raises:
        InputError: the file cannot be read, or holds other tensors.
    """
    path = find_weights(weights)
    wanted, classifier = _wanted(backbone)
    found = {name: value for name, value in _read(path).items() if not name.endswith(_COUNTER)}
    if not found.keys() & (wanted.keys() - classifier):
        found = _renamed(found, tuple(wanted), backbone)
    lacking = [name for name in wanted if name not in found and name not in classifier]
    over = [name for name in found if name not in wanted]
    for fault, names in (("lacks", lacking), ("has beside them", over)):
        if names:
            msg = (
                f"model.weights must hold the tensors of {backbone}, {len(wanted)} of them, but {path.name} {fault} "
                f"{_listed(names)}: take a file made for that backbone, or name its own in `model.backbone`"
            )
            raise InputError(msg)
    for name in (name for name in found if name not in classifier):
        if tuple(found[name].shape) != wanted[name]:
            msg = (
                f"model.weights must hold the tensors of {backbone}, but {name} is {tuple(found[name].shape)} in "
                f"{path.name} and {wanted[name]} there: take a file made for that backbone, or name its own in "
                "`model.backbone`"
            )
            raise InputError(msg)
    return {name: value for name, value in found.items() if name not in classifier}


def _wanted(backbone: str) -> tuple[dict[str, tuple[int, ...]], frozenset[str]]:
    """Shapes of a whole network's tensors by timm's names, and which of them are its classifier's."""
    import timm
    import torch

    with torch.device("meta"):
        network = timm.create_model(backbone)
    shapes = {name: tuple(value.shape) for name, value in network.state_dict().items() if not name.endswith(_COUNTER)}
    named = network.pretrained_cfg.get("classifier") or ()
    layers = (named,) if isinstance(named, str) else tuple(named)
    return shapes, frozenset(f"{layer}.{kind}" for layer in layers for kind in ("weight", "bias"))


def _read(path: Path) -> dict[str, Tensor]:
    """The tensors of a file by its own names; a pickle is read for tensors alone, and runs no code."""
    import torch
    from timm.models import load_state_dict

    try:
        found: dict[str, Tensor] = load_state_dict(str(path))
        assert all(isinstance(value, torch.Tensor) for value in found.values())
    except Exception as error:  # Damaged files break each reader in ways of its own.
        told = str(error).strip().splitlines() or [type(error).__name__]
        msg = (
            f"model.weights must be a safetensors file or a torch state dict of tensors alone, but {path} is none "
            f"({told[0]}): save it with safetensors, or as `torch.save(model.state_dict(), path)`"
        )
        raise InputError(msg) from error
    return found


def _renamed(found: Mapping[str, Tensor], wanted: tuple[str, ...], backbone: str) -> dict[str, Tensor]:
    """Tensors under timm's names, as far as a registered mapping knows them; the others keep theirs."""
    for name in mappings_for(backbone):
        if MAPPINGS[name].sign in found:
            names = load_mapping(name)(tuple(found), wanted)
            return {names.get(theirs, theirs): value for theirs, value in found.items()}
    return dict(found)


def _listed(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
