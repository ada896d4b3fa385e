"""Former keys of params.yaml, refused with a sentence that names the present key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from benchmark.common.errors import InputError

RENAMED: Mapping[str, str] = {
    "gates": "checks",
    "objectives": "losses",
    "arms.*.*.objective": "arms.*.*.loss",
    "arms.*.*.level": "arms.*.*.n_cells (one less)",
    "model.trunk": "model.backbone",
    "model.cut": "model.truncate_after",
    "prepare.variant": "prepare.colour_normalisation",
    "systems.*.share": "systems.*.holdout_fraction",
    "systems.*.passes": "systems.*.tta_views",
    "systems.*.warp": "systems.*.augment",
    "systems.*.nets.*.disc": "systems.*.nets.*.fov_px",
    **{
        f"{section}.{old}": f"{section}.{new}"
        for section in ("train", "systems.*.train", "systems.*.nets.*.train")
        for old, new in {
            "accumulate": "grad_accum_steps",
            "batch": "batch_size",
            "clip": "clip_grad",
            "fade": "resample_schedule",
            "keep": "select_epoch",
            "numbers": "numerics",
            "warmup": "warmup_fraction",
            "workers": "parallel_runs",
        }.items()
    },
}
"""Former dotted key -> present key; ``*`` matches any key, in the order of the present key's ``*``."""


def refuse_renamed(raw: Any, origin: str) -> None:
    """Raise if parameters contain former keys.

    Raises:
        InputError: a former key is present; the sentence names every such key and its present name.
    """
    faults = [fault for old, new in RENAMED.items() for fault in _faults(raw, old.split("."), old, new)]
    if faults:
        msg = f"{origin} must use the present names of parameters, but {'; '.join(faults)}: rename them"
        raise InputError(msg)


def _faults(section: Any, pattern: Sequence[str], old: str, new: str) -> Iterator[str]:
    """Yield a clause for each key of a section that matches the pattern, with each ``*`` replaced by its key."""
    if not pattern:
        yield f"`{old}` is now `{new}`"
    elif isinstance(section, dict):
        for key in list(section) if pattern[0] == "*" else [key for key in pattern[:1] if key in section]:
            names = [name.replace("*", str(key), int(pattern[0] == "*")) for name in (old, new)]
            yield from _faults(section[key], pattern[1:], *names)
