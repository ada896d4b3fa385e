"""Descriptions of runs for messages and tables.

Code that trains must not import this module, so that its edits change no run's key.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmark.common.terms import Head, Size
from benchmark.runs.spec import ArmRun, BlendRun, NetworkRun, PredictionsRun, RunSpec, TrainedRun

_EYES = {"one": "one", "both": "both", "shuffled": "own and another patient's"}
"""Label of a blend's input, by ``BlendRun.eyes``."""
StepKey = tuple[int, Size, tuple[str, ...], str]
"""Identity of a training step's cost: n_cells, size and heads, and the arm if its network or training is its own."""


def summary(run: RunSpec) -> str:
    """Describe a run in one line."""
    match run:
        case ArmRun() | NetworkRun():
            origin = f", from {run.parent}" if run.parent else ""
            return f"{run.loss.name} at {run.pixels} px ({run.size}), {run.n_cells} cell(s){origin}"
        case BlendRun():
            return f"{run.blend.name} of {', '.join(run.members)}; eyes: {run.eyes}; TTA views: {run.tta_views}"
        case PredictionsRun():
            read = f"eyes: {run.eyes}; networks: {run.nets}; TTA views: {run.tta_views}"
            return f"measured elsewhere{f' ({run.source})' * bool(run.source)}; {read}"


def table_columns(run: RunSpec) -> dict[str, Any]:
    """Return the columns of ``evaluation/runs.csv`` that depend on a run's kind."""
    match run:
        case ArmRun() | NetworkRun():
            columns = {
                **{"n_cells": run.n_cells, "parent": run.parent, "loss": run.loss.name},
                **{"backbone": run.model.backbone, "weights": run.model.start, "px": str(run.pixels)},
                **{"eyes": "one", "nets": 1, "tta_views": 1, "blend_rows": "", "blend_images": 0},
            }
        case BlendRun():
            columns = {
                **{"n_cells": 0, "parent": "", "loss": run.blend.name, "backbone": run.method, "weights": ""},
                **{"px": " ".join(dict.fromkeys(map(str, run.member_pixels))), "eyes": _EYES[run.eyes]},
                **{"nets": len(run.members), "tta_views": max(run.tta_views, 1)},
                **{"blend_rows": "held_out", "blend_images": run.train_images},
            }
        case PredictionsRun():
            # Nothing was trained here, so there is neither a network nor a device.
            words = ("parent", "loss", "backbone", "weights", "px", "blend_rows")
            return {
                **dict.fromkeys((*words, "size", "device", "precision", "numerics"), ""),
                **dict.fromkeys(("n_cells", "blend_images", "pixels", "epochs"), 0),
                **{"eyes": _EYES[run.eyes], "nets": run.nets, "tta_views": run.tta_views},
            }
    device = {name: getattr(run.train, name) for name in ("device", "precision", "numerics")}
    return {"size": run.size, "pixels": run.pixels, "epochs": run.train.epochs} | device | columns


def selection(run: RunSpec) -> tuple[Head | None, int]:
    """Return the head whose val kappa selected the epoch, and the number of epochs.

    The head is None for the last epoch, and for predictions, whose training is unknown (0 epochs). A blend has those of
    its first network.
    """
    match run:
        case ArmRun() | NetworkRun() | BlendRun():
            return run.heads[0] if run.train.select_epoch == "best" else None, run.train.epochs
        case PredictionsRun():
            return None, 0


def settings_text(settings: Mapping[str, Any]) -> str:
    """Return an arm's own settings as text, such as ``train.lr 0.001, model.backbone resnet18``."""
    # The hash identifies a file that `model.weights` names.
    shown = {name: value for name, value in settings.items() if name != "model.weights_sha256"}
    return ", ".join(f"{name} {_value_text(value)}" for name, value in shown.items())


def _value_text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value_text, value))}]"
    return f"{value:g}" if isinstance(value, float) else str(value) or "none"


def step_key(run: TrainedRun, *, own: bool = False) -> StepKey:
    """Return the identity of a run's training steps by their cost; ``own`` for an arm with settings of its own."""
    return run.n_cells, run.size, tuple(run.heads), run.group if run.system or own else ""
