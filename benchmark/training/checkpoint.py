"""Checkpoint of a training in one safetensors file, written atomically and read without pickle."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from benchmark.common.files import atomic


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
    """Write weights, optimiser state and progress, atomically."""
    tensors = {f"model/{name}": value for name, value in model.state_dict().items()}
    state = optimizer.state_dict()
    skeleton = {
        "groups": _take_tensors(state["param_groups"], "optimizer/groups", tensors),
        # JSON has no integer keys.
        "state": [[i, _take_tensors(v, f"optimizer/{i}", tensors)] for i, v in state["state"].items()],
    }
    save_tensors(path, tensors, json.dumps({"progress": asdict(progress), "optimizer": skeleton}))


def load_checkpoint(path: Path, model: nn.Module, optimizer: torch.optim.Optimizer) -> Progress:
    """Restore weights and optimiser state, and return the progress."""
    with safe_open(path, framework="pt") as file:
        meta = json.loads(file.metadata()["meta"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
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


def save_tensors(path: Path, tensors: dict[str, Tensor], meta: str = "{}") -> None:
    """Write tensors by name, atomically, with ``meta`` as the file's metadata."""
    with atomic(path) as partial:
        save_file({name: value.detach().cpu().contiguous() for name, value in tensors.items()}, partial, {"meta": meta})
