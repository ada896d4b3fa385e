"""``fundusbench track``: update MLflow to the contents of the folders."""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmark.settings.loading import load_params


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--follow", type=Path, metavar="DIR", help="log one run in progress until it ends")


def run(args: argparse.Namespace) -> int:
    """Update the store, or follow one run; return 2 if a warning said that the store could not be updated, else 0."""
    from benchmark.tracking import provenance
    from benchmark.tracking.replay import follow, sync

    params = load_params()
    if args.follow:
        follow(args.follow, params)
        return 0
    from benchmark.tracking.sweeps import sync_sweeps

    runs = sync(Path(), params)
    provenance.write(Path(), params, runs)
    sweeps = sync_sweeps(Path(), params)
    return 2 if runs.warning or sweeps.warning else 0
