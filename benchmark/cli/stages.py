"""Sub-commands that run a stage of ``dvc.yaml``; ``params.yaml`` holds the settings of the stages."""

from __future__ import annotations

import argparse
import os
import time
from importlib import import_module
from pathlib import Path

from benchmark.cli.stage_inputs import unchanged_inputs
from benchmark.cli.times import record_time
from benchmark.common.numerics import unpin
from benchmark.jobs.engines import ENGINE_NAMES, default_engine
from benchmark.settings.data_loading import load_data_params

_MODULES = {
    "evaluate": "benchmark.evaluation.evaluate",
    "statistics": "benchmark.statistics.statistics",
    "architecture": "benchmark.evaluation.architecture",
    "saliency": "benchmark.evaluation.saliency",
}
"""Stage -> module, for stages that need only the parameters."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the stage that is the parser's default for ``command``."""
    stage = parser.get_default("command")
    if stage == "train":
        parser.add_argument(
            "method", nargs="*", help="keys of `arms` or `systems` in params.yaml, e.g. m2cnn (default: all)"
        )
    if stage in ("train", "transfer"):
        add_engine(parser)


def add_engine(parser: argparse.ArgumentParser) -> None:
    """Declare the argument ``--engine``."""
    parser.add_argument(
        "--engine",
        choices=ENGINE_NAMES,
        default=default_engine(),
        help="where to run: on this machine, or on the Ray cluster at RAY_ADDRESS (default: ray if RAY_ADDRESS is set)",
    )


def run(args: argparse.Namespace) -> None:
    """Run the stage ``args.command``, and record its duration if it succeeds."""
    began = time.perf_counter()
    with unchanged_inputs(args.command):
        utilisation = _run_stage(args)
    stage = " ".join([args.command, *getattr(args, "method", ())])
    record_time(stage, time.perf_counter() - began, utilisation)


def _run_stage(args: argparse.Namespace) -> float | None:
    """Run a stage; return the share of the cores' time that its runs used, if it trains."""
    if args.command in ("fetch", "prepare"):
        # These depend on no network, and so import nothing of ``models``.
        from benchmark.data import fetch, prepare

        (fetch if args.command == "fetch" else prepare).run(load_data_params())
        return None
    from benchmark.settings.devices import check_device
    from benchmark.settings.loading import load_params

    params = load_params()
    if args.command == "train":
        if params.train.numerics == "native":
            unpin(os.environ)
        if args.engine == "local":
            check_device(params.train)
        from benchmark.dispatch import train

        return train.run(params, args.method, args.engine)
    if args.command == "transfer":
        from benchmark.evaluation import transfer

        if params.transfer and args.engine == "local":
            check_device(params.train)
        transfer.run(params, args.engine)
    elif args.command == "report":
        from benchmark.report import report
        from benchmark.tracking import provenance
        from benchmark.tracking.replay import sync

        report.run(params)
        provenance.write(Path(), params, sync(Path(), params))
    else:
        import_module(_MODULES[args.command]).run(params)
    return None
