"""``fundusbench statistics``: the stage that judges."""

from __future__ import annotations

import argparse

from benchmark.settings.loading import load_params


def add_arguments(_: argparse.ArgumentParser) -> None:
    """The command has no arguments: it does what params.yaml says."""


def run(_: argparse.Namespace) -> None:
    """Run the stage, as :func:`benchmark.statistics.statistics.run` does."""
    from benchmark.statistics import statistics

    statistics.run(load_params())
