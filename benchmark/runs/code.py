"""The code that determines a run: a core that all runs of a kind share, and the plug-ins that the run names.

A run's key hashes both. Code that starts runs, displays progress or reads results belongs to neither, so editing it
invalidates no finished run. Editing a plug-in invalidates the runs that name it.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TypeVar

from benchmark.common.code import closure, code_sha256
from benchmark.common.errors import InputError
from benchmark.common.loaded import require_unedited
from benchmark.common.terms import DEFAULT
from benchmark.runs.spec import ArmRun, BlendRun, NetworkRun, PredictionsRun, RunSpec, TrainedRun, heads_of
from models.losses.registry import LOSSES
from models.weights.registry import mappings_for

S = TypeVar("S", ArmRun, NetworkRun, BlendRun, PredictionsRun)
LIBRARIES = ("torch", "timm", "numpy", "opencv-python-headless", "scikit-learn")
"""Installed packages whose versions are also part of the key."""

OUTSIDE = {
    "benchmark/common/code.py": "computes the hashes of code, which are in each key",
    "benchmark/common/loaded.py": "finds code that was edited while it ran",
    "benchmark/common/resources.py": "counts cores and memory, which affect speed only",
    "benchmark/images/recipe.py": "names the recipe of the pixels; each key contains the recipe of its packs",
    "benchmark/runs/code.py": "computes the hashes of code, which are in each key",
    "benchmark/runs/environment.py": "describes the machine in the record",
    "benchmark/runs/run_store.py": "finds and stores runs by their keys",
    "benchmark/settings/devices.py": "resolves device and number format; each key contains the resolved values",
    "benchmark/training/record.py": "writes the record of an execution",
}
"""Files that the core imports but that affect no number of a run, with the reason."""


def with_key(spec: S) -> S:
    """Return a run's specification with the hash of its code and its key."""
    return spec.model_copy(update={"code_sha256": _sha256(roots_of(spec))}).with_key()


def views_sha256(system: str) -> str:
    """Return the hash of the code that computes outputs over TTA views and statistics for a system's blends."""
    return _sha256(("benchmark/training/tta.py", "benchmark/training/system_view.py", f"models/systems/{system}.py"))


def require_code(spec: RunSpec) -> None:
    """Check that this process runs the code whose hash the key of a run contains.

    Raises:
        InputError: a file of that code was edited since the command started.
    """
    roots = roots_of(spec)
    require_unedited(_closure(roots))
    if _sha256(roots) != spec.code_sha256:
        msg = (
            f"{spec.title} must be made by the code that its key names, but this process has other code or other "
            f"versions of {', '.join(LIBRARIES)}: install the same on all machines, or run the command again"
        )
        raise InputError(msg)


def roots_of(spec: RunSpec) -> tuple[str, ...]:
    """Return the files whose import closure determines a run.

    Runs that it starts from or reads are represented by their keys, which are hashed into its key.
    """
    match spec:
        case ArmRun():
            return _training_roots(spec)
        case NetworkRun():
            system = f"models/systems/{spec.system}.py"
            colours = f"benchmark/images/colour_normalisation/{spec.colour_normalisation}.py"
            return *_training_roots(spec), system, colours
        case BlendRun():
            from models.blends.registry import BLENDS

            blend = BLENDS[spec.blend.name]
            rule = blend.rule if spec.tuned else DEFAULT[blend.head]
            return (
                "benchmark/training/blend.py",
                f"models/systems/{spec.system}.py",
                f"models/blends/{spec.blend.name}.py",
                f"benchmark/scoring/decision_rules/{rule}.py",
            )
        case PredictionsRun():
            return ("benchmark/runs/given.py",)


def _training_roots(spec: TrainedRun) -> tuple[str, ...]:
    loss = LOSSES[spec.loss.name]
    mappings = mappings_for(spec.model.backbone) if spec.model.weights else ()
    return (
        "benchmark/training/loop.py",
        f"models/losses/{spec.loss.name}.py",
        *(f"models/heads/{head}.py" for head in loss.heads.values()),
        *(f"benchmark/scoring/decision_rules/{DEFAULT[output]}.py" for output in heads_of(spec.loss.name)),
        *(f"models/weights/{name}.py" for name in mappings),
    )


@cache
def _closure(roots: tuple[str, ...]) -> tuple[Path, ...]:
    return closure(*roots, without=OUTSIDE)


@cache
def _sha256(roots: tuple[str, ...]) -> str:
    return code_sha256(*roots, without=OUTSIDE, libraries=LIBRARIES)
