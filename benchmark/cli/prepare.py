"""``fundusbench prepare``: the stage that writes the packs."""

from __future__ import annotations

import argparse

from benchmark.cli.engine import add_engine
from benchmark.settings.data_loading import load_data_params


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_engine(parser)


def run(chosen: argparse.Namespace) -> None:
    """Run the stage, as :func:`benchmark.data.prepare.run` does."""
    from benchmark.data import prepare

    prepare.run(load_data_params(), engine=chosen.engine)
