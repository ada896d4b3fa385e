"""Checkpoint of a training in one safetensors file, written atomically, checked by its hash and read without pickle."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from benchmark.common.files import atomic
from benchmark.common.sealed import read_sealed, write_sealed


@dataclass(slots=True)
class Progress:
    """Progress of a run; ``epoch`` and ``step`` are those to do next."""

    epoch: int = 0
    step: int = 0
    """Number of updates done in ``epoch``."""
    loss_sum: float = 0.0
    """Sum of the losses of the images seen in ``epoch``."""
    history: list[dict[str, float | None]] = field(default_factory=list)
    """One row per finished epoch."""
    best_kappa: float | None = None
    best_epoch: int = 0
    """Epoch with the best val kappa so far, from 1; 0 before the first."""
    resumed: int = 0
    seconds: float = 0.0
    """Training time so far, over all processes that worked on the run."""


def save_checkpoint(path: Path, model: nn.Module, optimizer: torch.optim.Optimizer, progress: Progress) -> None:
    """Write weights, optimiser state and progress."""
    tensors = {f"model/{name}": value for name, value in model.state_dict().items()}
    state = optimizer.state_dict()
    skeleton = {
        "groups": _take_tensors(state["param_groups"], "optimizer/groups", tensors),
        # JSON has no integer keys.
        "state": [[i, _take_tensors(v, f"optimizer/{i}", tensors)] for i, v in state["state"].items()],
    }
    save_state(path, tensors, json.dumps({"progress": asdict(progress), "optimizer": skeleton}))


def load_checkpoint(path: Path, model: nn.Module, optimizer: torch.optim.Optimizer) -> Progress | None:
    """Restore weights and optimiser state, and return the progress; None without an intact checkpoint."""
    state = load_state(path)
    if state is None:
        return None
    tensors, meta = state[0], json.loads(state[1])
    skeleton = _put_tensors(meta["optimizer"], tensors)
    model.load_state_dict({name[6:]: value for name, value in tensors.items() if name.startswith("model/")})
    optimizer.load_state_dict({"state": dict(skeleton["state"]), "param_groups": skeleton["groups"]})
    for parameter, state in optimizer.state.items():
        # A file has the default memory format; optimiser kernels expect that of the weights.
        for name, value in state.items():
            if isinstance(value, Tensor) and value.shape == parameter.shape:
                state[name] = torch.empty_like(parameter).copy_(value)
    return Progress(**meta["progress"])


def _take_tensors(value: Any, name: str, tensors: dict[str, Tensor]) -> Any:
    """Return the nested value with each tensor moved to ``tensors`` and replaced by its name."""
    if isinstance(value, Tensor):
        tensors[name] = value
        return {"tensor": name}
    if isinstance(value, dict):
        return {key: _take_tensors(part, f"{name}/{key}", tensors) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_take_tensors(part, f"{name}/{i}", tensors) for i, part in enumerate(value)]
    return value


def _put_tensors(value: Any, tensors: dict[str, Tensor]) -> Any:
    """Undo :func:`_take_tensors`."""
    if isinstance(value, dict):
        if set(value) == {"tensor"}:
            return tensors[value["tensor"]]
        return {key: _put_tensors(part, tensors) for key, part in value.items()}
    if isinstance(value, list):
        return [_put_tensors(part, tensors) for part in value]
    return value


def save_state(path: Path, tensors: dict[str, Tensor], meta: str = "") -> None:
    """Write the tensors of a run in progress with their hash."""
    write_sealed(path, {name: value.detach().cpu().numpy() for name, value in tensors.items()}, meta)


def load_state(path: Path) -> tuple[dict[str, Tensor], str] | None:
    """Return tensors and text of :func:`save_state`; None if the file is missing, or damaged and was set aside."""
    if (state := read_sealed(path)) is None:
        return None
    return {name: torch.from_numpy(value) for name, value in state[0].items()}, state[1]


def save_tensors(path: Path, tensors: dict[str, Tensor]) -> None:
    """Write the weights of a finished run; ``run.json`` has their hash."""
    with atomic(path) as partial:
        save_file({name: value.detach().cpu().contiguous() for name, value in tensors.items()}, partial, {"meta": "{}"})
