"""``fundusbench summary``: show the time of a rebuild, and whether its tables equal the reference results."""

from __future__ import annotations

import argparse

from benchmark.cli.output import OutputTable, add_json, show, show_json
from benchmark.cli.times import stage_times, training_utilisation
from benchmark.common.errors import InputError
from benchmark.common.units import duration


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_json(parser)


def run(args: argparse.Namespace) -> None:
    """Print the time of each stage, the comparison with the reference results, and the utilisation of the cores."""
    from benchmark.report.verification.reference_results import compare_kept

    *times, total = stage_times()
    compared = compare_kept()
    comparison = str(compared or "these parameters have no reference results")
    used, warnings = training_utilisation(), _cautions()
    if args.json:
        identical = compared.first is None if compared else None
        stages, utilisation = [*times, total], used[0] if used else None
        show_json(
            {
                "stages": stages,
                "identical": identical,
                "comparison": comparison,
                "utilisation": utilisation,
                "warnings": warnings,
            }
        )
        return
    rows = [(time.stage, time.time, time.ended) for time in times]
    show(OutputTable(("stage", "time", "ended"), rows, total=(total.stage, total.time, "")), comparison)
    if used:
        whole = f"{total.cores} cores x {duration(used[1])} of training"
        print(f"utilisation: {used[0]:.2f} (processor time of the runs / {whole})")
    for warning in warnings:
        print(f"warning: {warning}")


def _cautions() -> list[str]:
    """Return the warnings of the report's page; none before the statistics."""
    from benchmark.report.captions import cautions
    from benchmark.report.results import load_results

    try:
        return cautions(load_results())
    except InputError:
        return []
