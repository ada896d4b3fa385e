"""``fundusbench train``: train an arm."""

from __future__ import annotations

import argparse

from benchmark.settings.devices import check_device
from benchmark.settings.loading import load_params


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("stage", help="a key of `arms` in params.yaml: basenet, basenet_mt, m2cnn")
    parser.add_argument("arm", help="a key below it, for instance mse_small")


def run(chosen: argparse.Namespace) -> None:
    """Train as :func:`benchmark.training.train.run` does."""
    params = load_params()
    params.arm(chosen.stage, chosen.arm)
    check_device(params.train)
    from benchmark.training import train

    train.run(params, chosen.stage, chosen.arm)
