"""``fundusbench keep``: copy the tables of a rebuild, as reference results for others to compare with."""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmark.cli.times import StageTime, stage_times


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("folder", type=Path, help="destination, e.g. experiments/results/phantom")


def run(args: argparse.Namespace) -> None:
    """Copy the results by :func:`benchmark.report.verification.reference_results.keep`, with the time of each stage."""
    from benchmark.common.csv_rows import write_rows
    from benchmark.report.verification.reference_results import STAGE_TIMES, keep

    keep(args.folder)
    write_rows(args.folder / STAGE_TIMES, StageTime, stage_times())
