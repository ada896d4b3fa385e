"""``fundusbench saliency``: the stage that maps where an output is swayed."""

from __future__ import annotations

import argparse

from benchmark.settings.loading import load_params


def add_arguments(_: argparse.ArgumentParser) -> None:
    """The command has no arguments: it does what params.yaml says."""


def run(_: argparse.Namespace) -> None:
    """Run the stage, as :func:`benchmark.evaluation.saliency.run` does."""
    from benchmark.evaluation import saliency

    saliency.run(load_params())
