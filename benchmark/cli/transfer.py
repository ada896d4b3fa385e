"""``fundusbench transfer``: the stage that grades every run on other data sets."""

from __future__ import annotations

import argparse

from benchmark.settings.devices import check_device
from benchmark.settings.loading import load_params


def add_arguments(_: argparse.ArgumentParser) -> None:
    """The command has no arguments: it does what params.yaml says."""


def run(_: argparse.Namespace) -> None:
    """Run the stage, as :func:`benchmark.evaluation.transfer.run` does."""
    from benchmark.evaluation import transfer

    params = load_params()
    if params.transfer:
        check_device(params.train)
    transfer.run(params)
