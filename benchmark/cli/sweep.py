"""``fundusbench sweep``: search over the loss weighting."""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmark.settings.devices import check_device
from benchmark.settings.loading import load_params


def add_arguments(_: argparse.ArgumentParser) -> None:
    """The command has no arguments: it does what params.yaml says."""


def run(_: argparse.Namespace) -> None:
    """Search as :func:`benchmark.sweep.sweep.run` does, and show the trials in MLflow."""
    import signal

    from benchmark.sweep import sweep
    from benchmark.tracking.sweeps import sync_sweeps

    # A scheduler's polite stop is one by hand: the trial is marked at once and does not count as having died.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    params = load_params()
    check_device(params.train)
    sweep.run(params)
    sync_sweeps(Path(), params)
