"""``fundusbench keep``: a rebuild's tables for others to compare theirs with."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("folder", type=Path, help="where to, for instance experiments/results/phantom")


def run(chosen: argparse.Namespace) -> None:
    """Copy as :func:`benchmark.report.recheck.kept.keep` does."""
    from benchmark.report.recheck.kept import keep

    keep(chosen.folder)
