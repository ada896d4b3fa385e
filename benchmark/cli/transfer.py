"""``fundusbench transfer``: the stage that grades every run on other data sets."""

from __future__ import annotations

import argparse

from benchmark.cli.engine import add_engine
from benchmark.settings.devices import check_device
from benchmark.settings.loading import load_params


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_engine(parser)


def run(chosen: argparse.Namespace) -> None:
    """Run the stage, as :func:`benchmark.evaluation.transfer.run` does."""
    from benchmark.evaluation import transfer

    params = load_params()
    if params.transfer and chosen.engine == "local":
        check_device(params.train)
    transfer.run(params, chosen.engine)
