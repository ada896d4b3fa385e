"""``fundusbench track``: MLflow as the folders are."""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmark.settings.loading import load_params


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--follow", type=Path, metavar="DIR", help="show one run in progress until it ends")


def run(chosen: argparse.Namespace) -> int:
    """Bring the store up to what the folders hold, or follow one run.

    Returns:
        2 where the store could not be brought up to date, of which a warning tells; else 0.
    """
    from benchmark.tracking import provenance
    from benchmark.tracking.replay import follow, sync
    from benchmark.tracking.sweeps import sync_sweeps

    params = load_params()
    if chosen.follow:
        follow(chosen.follow, params)
        return 0
    runs = sync(Path(), params)
    provenance.write(Path(), params, runs)
    sweeps = sync_sweeps(Path(), params)
    return 2 if runs.warning or sweeps.warning else 0
