"""``fundusbench summary``: what a rebuild took, and whether its tables are those that the repository keeps."""

from __future__ import annotations

import argparse

from benchmark.cli.shown import Table, add_json, show, show_json
from benchmark.cli.times import stage_times

NONE_KEPT = "no results are kept for these parameters, so there is nothing to compare the tables with"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments: it tells of the rebuild that lies here."""
    add_json(parser)


def run(chosen: argparse.Namespace) -> None:
    """Print the times of the stages, and the comparison with the kept results of the same parameters."""
    from benchmark.report.verification.reference_results import compare_kept

    *times, whole = stage_times()
    compared = compare_kept()
    told = str(compared or NONE_KEPT)
    if chosen.json:
        identical = compared.first is None if compared else None
        show_json({"stages": [*times, whole], "identical": identical, "comparison": told})
        return
    rows = [(one.stage, one.time, one.ended) for one in times]
    show(Table(("stage", "took", "ended"), rows, total=(whole.stage, whole.time, "")), told)
