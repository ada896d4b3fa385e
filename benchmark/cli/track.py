"""``fundusbench track``: update MLflow to the contents of the folders."""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmark.settings.loading import load_params


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--follow", type=Path, metavar="DIR", help="log one run in progress until it ends")
    parser.add_argument(
        "--register",
        default="",
        metavar="NAME",
        help="register the network of the best arm on val, first seed, in MLflow's model registry under this name",
    )


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
    if args.register and not runs.warning:
        from benchmark.evaluation.photographs import select_runs
        from benchmark.tracking.logged_model import register

        best = select_runs(params)[0]
        print(f"{register(Path(), best, runs.runs[best.method, best.arm, best.seed], args.register)}: {best.name}")
    return 2 if runs.warning or sweeps else 0
