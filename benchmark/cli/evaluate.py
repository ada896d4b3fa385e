"""``fundusbench evaluate``: the stage that grades every run."""

from __future__ import annotations

import argparse
import subprocess
import sys

from benchmark.settings.loading import load_params


def add_arguments(_: argparse.ArgumentParser) -> None:
    """The command has no arguments: it does what params.yaml says."""


def run(_: argparse.Namespace) -> None:
    """Run the stage, as :func:`benchmark.evaluation.evaluate.run` does, and let MLflow be brought up to it meanwhile.

    The stages that follow leave a core idle. What MLflow could not do by then, the report does, and tells.
    """
    from benchmark.evaluation import evaluate

    evaluate.run(load_params())
    subprocess.Popen(
        [sys.executable, "-m", "benchmark.cli", "track"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
