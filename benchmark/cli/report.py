"""``fundusbench report``: the stage that writes the tables, the figures and the page."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from benchmark.settings.loading import load_params


def add_arguments(_: argparse.ArgumentParser) -> None:
    """The command has no arguments: it does what params.yaml says."""


def run(_: argparse.Namespace) -> None:
    """Run the stage as :func:`benchmark.report.report.run` does, and bring MLflow and the provenance up to it.

    MLflow takes as long as the figures: another process replays the runs into it while they are drawn, and only what
    the report adds is left for afterwards.
    """
    from benchmark.report import report
    from benchmark.tracking import provenance
    from benchmark.tracking.replay import sync

    params = load_params()
    # Silent, for whatever it could not do is tried again below, and told there.
    tracking = subprocess.Popen(
        [sys.executable, "-m", "benchmark.cli", "track"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        report.run(params)
    except BaseException:
        tracking.kill()  # The next one goes on where it was.
        raise
    finally:
        tracking.wait()
    provenance.write(Path(), params, sync(Path(), params))
