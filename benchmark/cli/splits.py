"""``fundusbench compare`` with three experiments or more: results over repeated splits of the patients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from benchmark.cli.output import OutputTable, show, show_json
from benchmark.common.errors import InputError
from benchmark.common.units import some
from benchmark.report.verification.table_diff import read_lines
from benchmark.settings.differences import differing
from benchmark.statistics.confidence import CONFIDENCE_LEVEL

SPLIT_SEEDS = frozenset({"data.split.seed", "data.seed"})
"""Parameters that may differ; the second draws other patients of the phantom."""


@dataclass(frozen=True, slots=True)
class OverSplits:
    """Mean over splits with its interval, and the sample standard deviation between splits."""

    mean: float
    sd: float
    low: float
    high: float


def over_splits(values: Sequence[float], overlap: float) -> OverSplits:
    """Estimate the mean over splits with the corrected t interval of Nadeau and Bengio (2003, Machine Learning 52:239).

    Splits share most of their patients, so their values are correlated, and the standard error of the mean of J values
    is not sd / sqrt(J), but sd * sqrt(1 / J + overlap).

    Args:
        values: one per split, at least two; the result is NaN if one is NaN.
        overlap: images evaluated divided by images trained on; 0 if the splits have no patient in common.
    """
    from scipy.special import stdtrit

    mean, sd = float(np.mean(values)), float(np.std(values, ddof=1))
    reach = float(stdtrit(len(values) - 1, (1 + CONFIDENCE_LEVEL) / 2)) * sd * (1 / len(values) + overlap) ** 0.5
    return OverSplits(mean, sd, mean - reach, mean + reach)


@dataclass(frozen=True, slots=True)
class SplitRow:
    """Kappa of an arm, or difference that a claim is about, in each experiment and over all."""

    kind: str
    """``arm`` or ``claim``."""
    name: str
    values: tuple[float, ...]
    over: OverSplits


def show_splits(names: Sequence[str], experiments: Sequence[Mapping[str, str]], split: str, *, as_json: bool) -> None:
    """Print mean, standard deviation and interval over splits of every arm and claim that all experiments have.

    Args:
        names: names of the experiments.
        experiments: texts of ``metrics.csv``, ``verdicts.csv`` and ``params.yaml`` of each experiment.
        split: split of the kappas.
        as_json: print JSON.

    Raises:
        InputError: the experiments differ in another parameter than the seed of the split, or two share it.
    """
    import yaml

    params = [yaml.safe_load(texts["params.yaml"]) for texts in experiments]
    overlap = _overlap(names, params, split)
    found = [_values(texts, split) for texts in experiments]
    shared = [key for key in found[0] if all(key in one for one in found)]
    each = {key: tuple(one[key] for one in found) for key in shared}
    rows = [SplitRow(*key, values, over_splits(values, overlap)) for key, values in each.items()]
    if as_json:
        show_json({"experiments": names, "split": split, "overlap": overlap, "rows": rows})
        return
    header = ("", "mean", "sd", "95 % interval", *(f"split {i}" for i in range(1, len(names) + 1)))
    titles = {"arm": f"kappa on {split}", "claim": f"difference of kappas on {split}, by claim"}
    tables = [
        OutputTable(header, [_cells(row) for row in rows if row.kind == kind], title=title)
        for kind, title in titles.items()
    ]
    legend = ", ".join(f"{i}: {name}" for i, name in enumerate(names, 1))
    show(
        *(table for table in tables if table.rows),
        f"splits: {legend}. sd: between splits, of means over seeds. The interval is that of Nadeau and Bengio (2003) "
        f"for splits that share patients, with {overlap:.3g} images of {split} for each one of train",
    )


def _overlap(names: Sequence[str], params: Sequence[Mapping[str, Any]], split: str) -> float:
    """Return the ratio of evaluated to train images, 0 without a split by seed, or refuse unequal experiments."""
    for (name, one), (other_name, other) in combinations(zip(names, params, strict=True), 2):
        changed = differing(one, other).keys()
        if not changed or changed - SPLIT_SEEDS:
            msg = (
                f"three experiments or more must differ in data.split.seed alone, but {name} and {other_name} differ "
                f"in {some(sorted(changed - SPLIT_SEEDS)) or 'nothing'}: make one per split with `dvc exp run -S "
                "data.split.seed=N`"
            )
            raise InputError(msg)
    fractions = params[0]["data"].get("split")
    return float(fractions[split] / (1 - fractions["val"] - fractions["test"])) if fractions else 0.0


def _values(texts: Mapping[str, str], split: str) -> dict[tuple[str, str], float]:
    """Return the kappa of each arm and the difference of each claim, by kind and name."""
    arms = [
        ("arm", f"{line['method']}/{line['arm']} {line['head']}", line["estimate"])
        for line in read_lines(texts["metrics.csv"])
        if (line["metric"], line["split"]) == ("kappa", split)
    ]
    claims = [
        ("claim", line["part"], line["estimate"])
        for line in read_lines(texts["verdicts.csv"])
        if (line["kind"], line["split"]) == ("ordering", split) and line["b"]
    ]
    return {(kind, name): float(value) for kind, name, value in (*arms, *claims) if value}


def _cells(row: SplitRow) -> tuple[str, ...]:
    sign, over = "+" if row.kind == "claim" else "", row.over
    texts = [f"{value:{sign}.3f}" for value in (over.mean, over.low, over.high, *row.values)]
    return (row.name, texts[0], f"{over.sd:.3f}", f"[{texts[1]}, {texts[2]}]", *texts[3:])
