"""``fundusbench sweep``: search over the loss weighting."""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmark.cli.stage_inputs import unchanged_inputs
from benchmark.cli.stages import add_engine
from benchmark.common.errors import InputError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--workers", type=int, default=1, help="number of processes that search (default: 1, this one)")
    parser.add_argument(
        "--space",
        nargs="+",
        metavar="NAME=RANGE",
        help="parameters to search in place of sweep.space, e.g. train.lr=1e-4:1e-2:log train.batch_size=8,16,32; "
        ":log:zero adds 0",
    )
    add_engine(parser)


def run(args: argparse.Namespace) -> None:
    """Search by :func:`benchmark.sweep.sweep.run`, and show the trials in MLflow."""
    import signal

    from benchmark.settings.devices import check_device
    from benchmark.settings.loading import load_params
    from benchmark.sweep import sweep
    from benchmark.sweep.space import with_space
    from benchmark.tracking.sweeps import sync_sweeps

    if args.workers < 1:
        msg = f"--workers must be 1 or more, but got {args.workers}: correct it"
        raise InputError(msg)
    # A scheduler's SIGTERM is handled as Ctrl-C: the trial is marked as interrupted at once, not as failed.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with unchanged_inputs("sweep"):
        params = with_space(load_params(), args.space) if args.space else load_params()
        if args.engine == "local":
            check_device(params.train)
        sweep.run(params, args.workers, args.engine)
        sync_sweeps(Path(), params)
