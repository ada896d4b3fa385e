"""``fundusbench train``: the stage that trains."""

from __future__ import annotations

import argparse
import os

from benchmark.cli.engine import add_engine
from benchmark.common.numerics import unpin
from benchmark.settings.devices import check_device
from benchmark.settings.loading import load_params


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("method", nargs="*", help="keys of `arms` in params.yaml, for instance m2cnn (default: all)")
    add_engine(parser)


def run(chosen: argparse.Namespace) -> None:
    """Train as :func:`benchmark.dispatch.train.run` does."""
    params = load_params()
    if params.train.numbers == "fast":
        unpin(os.environ)
    if chosen.engine == "local":
        check_device(params.train)
    from benchmark.dispatch import train

    train.run(params, chosen.method, chosen.engine)
