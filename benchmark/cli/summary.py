"""``fundusbench summary``: what a rebuild took, and whether its tables are those that the repository keeps."""

from __future__ import annotations

import argparse

from benchmark.cli.times import read_times
from benchmark.common.units import duration


def add_arguments(_: argparse.ArgumentParser) -> None:
    """The command has no arguments: it tells of the rebuild that lies here."""


def run(_: argparse.Namespace) -> None:
    """Print the times of the stages, and the comparison with the kept results of the same parameters."""
    from benchmark.report.recheck.kept import compare_kept

    times = read_times()
    width = max(map(len, times), default=0)
    for command, told in sorted(times.items(), key=lambda item: str(item[1]["ended"])):
        print(f"{command.ljust(width)}  {duration(float(told['seconds'])):>8}  ended {told['ended']}")
    print(f"{'all stages'.ljust(width)}  {duration(sum(float(told['seconds']) for told in times.values())):>8}")
    print(compare_kept() or "no results are kept for these parameters, so there is nothing to compare the tables with")
