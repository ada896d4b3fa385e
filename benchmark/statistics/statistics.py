"""The step ``statistics``: intervals, paired tests, metrics, decoders, other data sets and verdicts."""

from __future__ import annotations

from benchmark.settings.params import Params


def run(params: Params) -> None:
    """Write ``statistics/`` from the runs and their evaluation.

    Raises:
        InputError: there is no finished run or no evaluation, or the claims break a rule.
    """
    from benchmark.statistics import decoder_effect, intervals, metric_intervals, rivals, transfer, verdicts
    from benchmark.statistics.decoded import read_decoded

    decoded = read_decoded(params)
    intervals.run(decoded)
    metric_intervals.run(decoded)
    decoder_effect.run(decoded)
    rivals.run(params, decoded)
    transfer.run(params, decoded)
    verdicts.run(params, decoded)
