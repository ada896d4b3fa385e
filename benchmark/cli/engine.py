"""The argument ``--engine`` of the commands whose work may be done elsewhere."""

from __future__ import annotations

import argparse

from benchmark.jobs.engines import NAMES, default_engine


def add_engine(parser: argparse.ArgumentParser) -> None:
    """Declare it."""
    parser.add_argument(
        "--engine",
        choices=NAMES,
        default=default_engine(),
        help="where the work is done: this machine, or the Ray cluster at RAY_ADDRESS (default if that is set)",
    )
