"""Define ``fundusbench evaluate``, the stage that grades every run."""

from __future__ import annotations

import argparse

from benchmark.settings.loading import load_params


def add_arguments(_: argparse.ArgumentParser) -> None:
    """Declare no arguments: params.yaml holds every setting of the stage."""


def run(_: argparse.Namespace) -> None:
    """Run :func:`benchmark.evaluation.evaluate.run`."""
    from benchmark.evaluation import evaluate

    evaluate.run(load_params())
