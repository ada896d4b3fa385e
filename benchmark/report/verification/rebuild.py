"""All that is computed from finished runs, step by step, and a place to do it without touching the project."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import chdir, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmark.settings.params import Params

_MADE = ("evaluation", "statistics", "reports")
"""Folders that the steps after training write."""
_OTHERS = ("scratch", "mlflow.db", "mlartifacts", "mlruns")
"""What these steps neither read nor write."""


def tables(params: Params) -> None:
    """Every table of the report, from the runs' predictions alone: evaluation, statistics, then ``reports/tables/``.

    Raises:
        InputError: a step lacks what it reads.
    """
    from benchmark.evaluation import evaluate
    from benchmark.report import report
    from benchmark.report.inputs import Inputs
    from benchmark.report.tables.registry import make_tables
    from benchmark.statistics import statistics

    evaluate.run(params)
    statistics.run(params)
    report.write_tables(make_tables(Inputs(params)))


@contextmanager
def elsewhere(root: Path) -> Iterator[Path]:
    """Work in a temporary folder that shows the project's files, but none that the steps after training have made.

    Args:
        root: the project's folder.
    """
    with TemporaryDirectory(prefix="fundusbench-") as name:
        for entry in root.absolute().iterdir():
            if entry.name not in (*_MADE, *_OTHERS) and not entry.name.startswith("."):
                (Path(name) / entry.name).symlink_to(entry)
        with chdir(name):
            yield Path(name)
