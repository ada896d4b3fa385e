"""Recomputation of everything that follows from finished runs, outside the project's folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import chdir, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmark.settings.params import Params

_OUTPUTS = ("evaluation", "statistics", "reports")
"""Folders that the stages after training write."""
_UNUSED = ("scratch", "mlflow.db", "mlartifacts", "mlruns")
"""Files and folders that these stages do not use."""


def tables(params: Params) -> None:
    """Write every table of the report from the runs' predictions: evaluation, statistics, then ``reports/tables/``.

    Raises InputError if an input of a stage is missing.
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
    """Work in a temporary folder that links to the project's files, without outputs of later stages than training."""
    with TemporaryDirectory(prefix="fundusbench-") as name:
        for entry in root.absolute().iterdir():
            if entry.name not in (*_OUTPUTS, *_UNUSED) and not entry.name.startswith("."):
                (Path(name) / entry.name).symlink_to(entry)
        with chdir(name):
            yield Path(name)
