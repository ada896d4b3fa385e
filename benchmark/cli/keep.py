"""``fundusbench keep``: a rebuild's tables for others to compare theirs with."""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmark.cli.times import StageTime, stage_times


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("folder", type=Path, help="where to, for instance experiments/results/phantom")


def run(chosen: argparse.Namespace) -> None:
    """Copy as :func:`benchmark.report.verification.reference_results.keep` does, and say how long each stage took."""
    from benchmark.common.csv_rows import write_rows
    from benchmark.report.verification.reference_results import STAGES, keep

    keep(chosen.folder)
    write_rows(chosen.folder / STAGES, StageTime, stage_times())
