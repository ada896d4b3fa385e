"""``fundusbench fetch``: the stage that writes the manifest."""

from __future__ import annotations

import argparse

from benchmark.settings.data_loading import load_data_params


def add_arguments(_: argparse.ArgumentParser) -> None:
    """The command has no arguments: it does what params.yaml says."""


def run(_: argparse.Namespace) -> None:
    """Run the stage, as :func:`benchmark.data.fetch.run` does."""
    from benchmark.data import fetch

    fetch.run(load_data_params())
