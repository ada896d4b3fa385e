"""``fundusbench report``: the stage that writes the tables, the figures and the page."""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmark.settings.loading import load_params


def add_arguments(_: argparse.ArgumentParser) -> None:
    """The command has no arguments: it does what params.yaml says."""


def run(_: argparse.Namespace) -> None:
    """Run the stage as :func:`benchmark.report.report.run` does, and bring MLflow and the provenance up to it."""
    from benchmark.report import report
    from benchmark.tracking import provenance
    from benchmark.tracking.replay import sync

    params = load_params()
    report.run(params)
    provenance.write(Path(), params, sync(Path(), params))
