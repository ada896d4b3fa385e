"""Composition of params.yaml from the profiles in experiments/conf, as ``dvc exp run`` does it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

CONF = Path("experiments/conf")


def compose(root: Path, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """Return what ``dvc exp run`` writes to params.yaml, given its ``-S`` flags."""
    from hydra import compose, initialize_config_dir
    from omegaconf import OmegaConf

    with initialize_config_dir(str(root.absolute() / CONF), version_base=None):
        return OmegaConf.to_container(compose("config", list(overrides)), resolve=True)  # type: ignore[return-value]
