"""The command ``fundusbench``: one thin sub-command per pipeline step, and each imports what it needs alone."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmark.cli import check, plan, score, verify
from benchmark.common.errors import InputError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one sub-command.

    Returns:
        0 when it did its work, 1 when it found what it was to look for, 2 on bad input (one sentence on standard
        error, no traceback).
    """
    parser = _parser()
    chosen = parser.parse_args(arguments)
    try:
        return chosen.step(chosen) or 0
    except InputError as error:
        print(f"fundusbench: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("fundusbench: stopped; the same command goes on from here", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="fundusbench", description=__doc__)
    steps = parser.add_subparsers(required=True, metavar="step")

    steps.add_parser("fetch", help="locate or generate the photographs and write the manifest").set_defaults(
        step=_fetch
    )
    gates = steps.add_parser("check", help="look for leaks, duplicates, bad files and bad labels in a data set")
    check.add_arguments(gates)
    gates.set_defaults(step=check.run)
    steps.add_parser("prepare", help="photographs to packs of square images per size").set_defaults(step=_prepare)
    train = steps.add_parser("train", help="train every seed of an arm")
    train.add_argument("stage", help="a key of `arms` in params.yaml: basenet, basenet_mt, m2cnn")
    train.add_argument("arm", help="a key below it, for instance mse_small")
    train.set_defaults(step=_train)
    steps.add_parser("transfer", help="predict the test splits of other data sets with every run").set_defaults(
        step=_transfer
    )
    steps.add_parser("evaluate", help="kappa of every run on val and test").set_defaults(step=_evaluate)
    steps.add_parser("statistics", help="intervals, paired tests and verdicts").set_defaults(step=_statistics)
    steps.add_parser("architecture", help="feature maps and cost of the networks").set_defaults(step=_architecture)
    steps.add_parser("report", help="the paper's tables, and figures, into reports/").set_defaults(step=_report)
    ahead = steps.add_parser("plan", help="what the pipeline will train and what that takes, before anything runs")
    plan.add_arguments(ahead)
    ahead.set_defaults(step=plan.run)
    judge = steps.add_parser("score", help="kappa, with intervals, of anyone's predictions")
    score.add_arguments(judge)
    judge.set_defaults(step=score.run)
    again = steps.add_parser("verify", help="recompute every table from the predictions, or compare with other tables")
    verify.add_arguments(again)
    again.set_defaults(step=verify.run)
    steps.add_parser("sweep", help="search over the loss weighting with Optuna, or go on with a search").set_defaults(
        step=_sweep
    )
    track = steps.add_parser("track", help="bring MLflow up to what runs/ holds (safe to repeat)")
    track.add_argument("--follow", type=Path, metavar="DIR", help="show one run in progress until it ends")
    track.set_defaults(step=_track)
    ui = steps.add_parser("ui", help="open the runs in the MLflow UI on loopback")
    ui.add_argument("--port", type=int, default=5000)
    ui.set_defaults(step=_ui)
    return parser


def _fetch(_: argparse.Namespace) -> None:
    from benchmark.data import fetch
    from benchmark.settings.params import load_params

    fetch.run(load_params())


def _prepare(_: argparse.Namespace) -> None:
    from benchmark.data import prepare
    from benchmark.settings.params import load_params

    prepare.run(load_params())


def _train(chosen: argparse.Namespace) -> None:
    from benchmark.settings.params import load_params

    params = load_params()
    params.arm(chosen.stage, chosen.arm)
    from benchmark.training import train

    train.run(params, chosen.stage, chosen.arm)


def _transfer(_: argparse.Namespace) -> None:
    from benchmark.evaluation import transfer
    from benchmark.settings.params import load_params

    transfer.run(load_params())


def _evaluate(_: argparse.Namespace) -> None:
    from benchmark.evaluation import evaluate
    from benchmark.settings.params import load_params

    evaluate.run(load_params())


def _statistics(_: argparse.Namespace) -> None:
    from benchmark.report.recheck import rebuild
    from benchmark.settings.params import load_params

    rebuild.statistics(load_params())


def _architecture(_: argparse.Namespace) -> None:
    from benchmark.evaluation import architecture
    from benchmark.settings.params import load_params

    architecture.run(load_params())


def _report(_: argparse.Namespace) -> None:
    from benchmark import tracking
    from benchmark.report import report
    from benchmark.settings.params import load_params
    from benchmark.tracking import provenance

    params = load_params()
    report.run(params)
    provenance.write(Path(), params, tracking.sync(Path(), params))


def _sweep(_: argparse.Namespace) -> None:
    import signal

    from benchmark import tracking
    from benchmark.settings.params import load_params
    from benchmark.sweep import sweep

    # A scheduler's polite stop is one by hand: the trial is marked at once and does not count as having died.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    params = load_params()
    sweep.run(params)
    tracking.sync_sweeps(Path(), params)


def _track(chosen: argparse.Namespace) -> None:
    from benchmark import tracking
    from benchmark.settings.params import load_params
    from benchmark.tracking import provenance

    params = load_params()
    if chosen.follow:
        tracking.follow(chosen.follow, params)
    else:
        provenance.write(Path(), params, tracking.sync(Path(), params))
        tracking.sync_sweeps(Path(), params)


def _ui(chosen: argparse.Namespace) -> None:
    from benchmark import tracking

    tracking.ui(chosen.port)


if __name__ == "__main__":
    sys.exit(main())
