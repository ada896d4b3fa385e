"""``fundusbench summary``: the times of a rebuild, whether its tables equal the reference ones, and the answer."""

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
    """Print the time of each stage, the comparison with the reference results, and the main results of the report."""
    from benchmark.report import PAGE
    from benchmark.report.answer import answer_text
    from benchmark.report.inputs import Inputs
    from benchmark.report.verification.reference_results import compare_kept
    from benchmark.settings.loading import load_params

    *times, total = stage_times()
    compared = compare_kept()
    comparison = str(compared or "these parameters have no reference results")
    used, warnings = training_utilisation(), _cautions()
    answer = answer_text(Inputs(load_params())) if PAGE.exists() else ""
    if args.json:
        show_json(
            {
                "stages": [*times, total],
                "identical": compared.first is None if compared else None,
                "comparison": comparison,
                "utilisation": used[0] if used else None,
                "warnings": warnings,
                "answer": answer.splitlines(),
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
    if answer:
        print(f"\n{answer}")


def _cautions() -> list[str]:
    """Return the warnings of the report's page; none before the statistics."""
    from benchmark.report.captions import cautions
    from benchmark.report.results import load_results

    try:
        return cautions(load_results())
    except InputError:
        return []
