"""``fundusbench summary``: what a rebuild took, and whether its tables are those that the repository keeps."""

from __future__ import annotations

import argparse

from benchmark.cli.times import stage_times


def add_arguments(_: argparse.ArgumentParser) -> None:
    """The command has no arguments: it tells of the rebuild that lies here."""


def run(_: argparse.Namespace) -> None:
    """Print the times of the stages, and the comparison with the kept results of the same parameters."""
    from benchmark.report.recheck.kept import compare_kept

    times = stage_times()
    width = max(len(told.stage) for told in times)
    for told in times:
        print(f"{told.stage.ljust(width)}  {told.time:>8}{f'  ended {told.ended}' if told.ended else ''}")
    print(compare_kept() or "no results are kept for these parameters, so there is nothing to compare the tables with")
