"""The step ``statistics``: estimates with intervals, comparisons, ranks, and verdicts on the paper's claims."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from benchmark.common.progress import progress_bar
from benchmark.settings.params import Params

if TYPE_CHECKING:
    from benchmark.statistics.estimates import Estimate


def run(params: Params) -> None:
    """Write ``statistics/`` from the runs and their evaluation.

    Raises InputError if no run is finished or evaluated, or the claims are invalid.
    """
    from threadpoolctl import threadpool_limits

    # Several threads work at a time, each on an estimate of its own; those of a matrix product would only wait.
    with threadpool_limits(1):
        _run(params)


def _run(params: Params) -> None:
    from benchmark.statistics import (
        decision_rules,
        groups,
        metrics,
        planned,
        ranks,
        shortcuts,
        systems,
        transfer,
        verdicts,
    )
    from benchmark.statistics.estimates import write_estimates
    from benchmark.statistics.graded_runs import read_graded_runs
    from benchmark.statistics.published.tables import load_published

    runs, published = read_graded_runs(params), load_published()
    steps: list[Callable[[], Iterable[Estimate]]] = [
        lambda: decision_rules.rule_estimates(runs),
        lambda: shortcuts.shortcut_estimates(runs.data),
        lambda: planned.comparisons(runs),
        lambda: groups.group_estimates(runs),
        lambda: systems.system_comparisons(params, runs, published["comparison"]),
        lambda: systems.system_ranks(params, runs, published["comparison"], published["added"]),
        lambda: transfer.transfer_estimates(params, runs),
        # Last, because the report knows which of these to expect and so detects a truncated file.
        lambda: metrics.metric_estimates(runs),
        lambda: ranks.rank_estimates(runs),
    ]
    with progress_bar(steps, desc="statistics", unit=" steps") as shown:
        write_estimates([row for step in shown for row in step()])
    verdicts.run(params, runs)
