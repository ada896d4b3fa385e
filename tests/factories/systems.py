"""Compared systems that train in a second or two on the bars of :mod:`tests.factories.data`."""

from __future__ import annotations

from typing import Any

from benchmark.settings.loading import parse_params
from benchmark.settings.params import Params
from tests.conftest import tiny_params
from tests.factories.data import make_data

SIZES = {"small": 24, "mid": 40, "large": 64}
SYSTEMS: dict[str, dict[str, Any]] = {
    "min_pooling": {
        "seeds": 1,
        "holdout_fraction": 0.3,
        "tta_views": 2,
        "nets": {
            "net_1": {"size": "small", "fov_px": 24, "blocks": 2, "width": 0.25},
            "net_3": {"size": "mid", "fov_px": 24, "blocks": 2, "width": 0.125},
        },
        "train": {"epochs": 2, "batch_size": 16, "lr": 0.004},
        "blend": {"trees": 10},
    },
    "o_o": {
        "seeds": 1,
        "holdout_fraction": 0.3,
        "tta_views": 2,
        "nets": {
            "a_1": {"size": "small", "blocks": 2, "width": 0.0625},
            "a_2": {"size": "mid", "blocks": 3, "width": 0.0625, "from": "a_1"},
        },
        "train": {
            "epochs": 2,
            "batch_size": 16,
            "lr": 0.004,
            "resample": 1.0,
            "resample_schedule": {"decay": 0.5, "final_weights": [1, 2, 2, 2, 2]},
        },
        "augment": {"colour": 0.25},
        "blend": {"first": 8, "second": 4, "epochs": 10},
    },
    "reformed_gamblers": {
        "seeds": 1,
        "holdout_fraction": 0.3,
        "tta_views": 2,
        "nets": {
            "plain": {"size": "small", "fov_px": 24, "blocks": 3, "width": 0.125},
            "step": {"size": "small", "fov_px": 24, "blocks": 3, "width": 0.125, "from": "plain"},
            "cyclic": {"size": "small", "fov_px": 24, "blocks": 2, "width": 0.125},
            "fractional": {"size": "small", "blocks": 4, "width": 0.125},
        },
        "train": {"epochs": 2, "batch_size": 16, "lr": 0.004},
        "blend": {"folds": 4, "penalties": 10},
    },
    "huang": {
        "seeds": 1,
        "holdout_fraction": 0.3,
        "tta_views": 1,
        "nets": {"single_eye": {"size": "small", "fov_px": 24, "blocks": 1, "width": 1.0}},
        "train": {"epochs": 2, "batch_size": 16, "lr": 0.004},
        "blend": {"epochs": 10},
    },
    "zoom_in_net": {
        "seeds": 1,
        "holdout_fraction": 0.3,
        "tta_views": 1,
        "nets": {
            "m": {"size": "large", "blocks": 2, "width": 0.125},
            "a": {"size": "large", "blocks": 2, "width": 0.125, "from": "m"},
            "c": {"size": "large", "blocks": 2, "width": 0.125, "from": "a"},
            "c_random": {"size": "large", "blocks": 2, "width": 0.125, "from": "a"},
        },
        "train": {"epochs": 2, "batch_size": 16, "lr": 0.004},
    },
}
"""Settings of each system by name."""


def system_params(name: str, **changes: Any) -> Params:
    """Return parameters with one system and some changed settings."""
    raw = tiny_params()
    raw["sizes"] = SIZES
    raw["systems"] = {name: SYSTEMS[name] | changes}
    return parse_params(raw)


def make_eyes(root: Any) -> None:
    """Write packs and a manifest of patients with two eyes each."""
    make_data(root, SIZES, {"train": 96, "val": 32, "test": 32})
