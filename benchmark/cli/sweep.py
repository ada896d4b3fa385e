"""``fundusbench sweep``: search over the loss weighting."""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmark.cli.engine import add_engine
from benchmark.common.errors import InputError
from benchmark.settings.devices import check_device
from benchmark.settings.loading import load_params


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "--workers", type=int, default=1, help="processes that search at once (default: this one alone)"
    )
    add_engine(parser)


def run(chosen: argparse.Namespace) -> None:
    """Search as :func:`benchmark.sweep.sweep.run` does, and show the trials in MLflow."""
    import signal

    if chosen.workers < 1:
        msg = f"--workers must be 1 or more, but got {chosen.workers}: correct it"
        raise InputError(msg)
    from benchmark.sweep import sweep
    from benchmark.tracking.sweeps import sync_sweeps

    # A scheduler's polite stop is one by hand: the trial is marked at once and does not count as having died.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    params = load_params()
    if chosen.engine == "local":
        check_device(params.train)
    sweep.run(params, chosen.workers, chosen.engine)
    sync_sweeps(Path(), params)
