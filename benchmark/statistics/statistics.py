"""The step ``statistics``: intervals, paired tests, metrics, decoders, other data sets and verdicts."""

from __future__ import annotations

from benchmark.settings.params import Params


def run(params: Params) -> None:
    """Write ``statistics/`` from the runs and their evaluation.

    Raises:
        InputError: there is no finished run or no evaluation, or the claims break a rule.
    """
    from benchmark.statistics import decoder_effect, intervals, metric_intervals, rivals, transfer, verdicts

    intervals.run(params)
    metric_intervals.run(params)
    decoder_effect.run(params)
    rivals.run(params)
    transfer.run(params)
    verdicts.run(params)
