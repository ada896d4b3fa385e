"""``fundusbench ui``: serve the MLflow UI on loopback."""

from __future__ import annotations

import argparse

from benchmark.tracking.server import PORT


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--port", type=int, default=PORT, help="port on 127.0.0.1 (default: %(default)s)")


def run(args: argparse.Namespace) -> None:
    """Serve the UI until interrupted."""
    from benchmark.settings.loading import load_params
    from benchmark.tracking.server import ui

    params = load_params()
    ui(args.port, f"{params.tracking.experiment}/{params.data.name}")
