"""Sentences that captions and notes share: data, spread, intervals, decision rules, training, and flagged runs."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan

from benchmark.common.terms import EVALUATED, Arm, Head, Size
from benchmark.data.shortcuts import FEATURE_SETS
from benchmark.report.results import Results
from benchmark.report.table import with_interval
from benchmark.scoring.decision_rules.registry import DECISION_RULES, DEFAULT
from benchmark.settings.params import Params
from benchmark.statistics.estimates import select
from benchmark.statistics.graded_runs import ALONE
from benchmark.statistics.published.tables import PrintedTable

FEW_IMAGES = 50
"""Number of val images below which a warning is shown."""
PHANTOM = "phantom results: no claim about real eyes"

OTHER_DATA = "The paper's numbers are for Kaggle EyePACS 2015; a number on other data does not reproduce them."
"""Warning that our numbers are not a reproduction of the paper's."""

MANY = 5
"""Number of differences from the default that a caption names."""

HEAD_NAMES: dict[Head, str] = {"score": "scores", "prob": "prob."}
"""The paper's names of the outputs."""

FLAGS = {"collapsed": "collapsed (one grade for all of val)"}
"""Explanations of the flags of a run; other flags are shown as they are."""


def data_sentence(results: Results) -> str:
    """Return the name, nature and size of the data set."""
    sizes = ", ".join(f"{split} {results.size_of(split)}" for split in EVALUATED)
    return f"Data: {results.data}{nature(results.synthetic)}; {sizes}."


def shortcut_kappas(results: Results) -> dict[str, str]:
    """Return kappa on test from each set of features of the prepared squares; empty if they were not measured."""
    rows = select(results.estimates, kind="shortcut", about="squares", split="test")
    if any(isnan(row.estimate) for row in rows):
        return {}
    return {row.rule: with_interval(row) for row in rows}


def nature(synthetic: bool) -> str:
    """Return the warning for synthetic data, in parentheses; empty for photographs."""
    return f" ({PHANTOM})" if synthetic else ""


def cautions(results: Results) -> list[str]:
    """Return warnings that apply to all numbers: few val images, and networks that did not learn."""
    found = []
    if (images := results.images("val")) < FEW_IMAGES:
        found.append(
            f"Val has only {images} images: intervals are wide, and a network or threshold chosen on val may be chosen "
            "by chance."
        )
    collapsed = int(results.runs["flags"].str.contains("collapsed").sum())
    if 2 * collapsed > len(results.runs):
        found.append(
            f"{collapsed} of {len(results.runs)} networks collapsed (one grade for all of val). They learned nothing, "
            "so comparisons mean nothing: train for more epochs, on more photographs, or from pretrained weights."
        )
    return found


def size_title(size: Size, params: Params, paper_pixels: int) -> str:
    """Return an input size by its name and pixels, with the paper's pixels."""
    return f"{size}: {params.sizes.of(size)} px (paper: {paper_pixels})"


def seeds_sentence(params: Params) -> str:
    """Return the number of seeds and the meaning of ±."""
    if not (params.arms or params.systems):
        return "± is the sample standard deviation over the seeds of a row that has several files."
    if len(params.seeds) == 1:
        return f"Each measured value is from one run (seed {params.seeds[0]}), so it has no ±."
    return (
        f"Each measured value is the mean over {len(params.seeds)} seeds ({', '.join(map(str, params.seeds))}); ± is "
        "their sample standard deviation, which does not include the sampling of patients."
    )


def interval_sentence(results: Results) -> str:
    """Return the meaning of the intervals in brackets: confidence level, resampled units and number of resamples."""
    rows, level = results.kappa_estimates, results.confidence_level
    counts = " or ".join(dict.fromkeys(f"{row.n_resamples:,}" for row in rows))
    method = f"{counts} resamples; images of unknown patients count one each"
    resampled = {row.resampled for row in rows}
    if resampled == {ALONE}:
        return f"[ ] is its {level} interval over patients alone (bootstrap, {method})."
    exception = "; over patients alone if a single seed ran" if ALONE in resampled else ""
    return (
        f"[ ] is its {level} interval over patients and seeds (hierarchical bootstrap: patients "
        f"resampled, the error of the seeds by Student's t; {method}{exception})."
    )


def numerics_sentence(results: Results) -> str:
    """Return the precision and device of the trainings, and whether other machines give the same bits.

    Empty if nothing was trained here.
    """
    made = results.runs[results.runs["epochs"] > 0]
    runs = made[["precision", "device", "numerics"]].drop_duplicates()
    if runs.empty:
        return ""
    trained = " or ".join(f"{run.precision} on {run.device}" for run in runs.itertuples())
    portable = (runs["device"] == "cpu").all() and (runs["numerics"] == "portable").all()
    bits = "every x86-64 processor with AVX2 gives the same bits" if portable else "other machines give other bits"
    return f"Trained in {trained}; {bits}."


def start_sentence(results: Results) -> str:
    """Return the pretrained weights of the backbones; empty if all were initialised at random."""
    kinds = results.runs[["backbone", "weights"]].drop_duplicates().itertuples(index=False)
    pretrained = [f"{backbone} from the weights {weights}" for backbone, weights in kinds if weights]
    return f"Pretrained backbones: {', '.join(pretrained)}." if pretrained else ""


def rules_sentence() -> str:
    """Return the decision rules from outputs to grades."""
    score, prob = (DECISION_RULES[DEFAULT[head]].title for head in ("score", "prob"))
    return f"Decision rules: {score} for scores, {prob} for prob.; the paper prints neither rule."


def default_sentence(differences: Sequence[str]) -> str:
    """Return the differences from the default as a sentence; empty without a difference."""
    if not differences:
        return ""
    more = f"; and {len(differences) - MANY} more, which the page lists" * (len(differences) > MANY)
    return f"Differs from the default: {'; '.join(differences[:MANY])}{more}."


def inferred_sentence(printed: PrintedTable) -> str:
    """Return the splits and heads that the paper does not print and that we inferred, with rows and reasons."""
    rows_of: dict[tuple[str, str], dict[str, None]] = {}
    for cell in printed.cells:
        for name, fact in (("split", cell.split), ("head", cell.head)):
            if fact and fact.evidence == "inferred":
                rows_of.setdefault((f"{name} {fact.value}", fact.note), {})[cell.row] = None
    listed = [
        what + f" of {', '.join(rows)}" * (len(rows) < len(printed.rows)) + f" ({note})"
        for (what, note), rows in rows_of.items()
    ]
    return f"Inferred, not printed: {'; '.join(listed)}."


def caption(first: str, params: Params, results: Results, *last: str) -> str:
    """Return the caption of a table of kappas: its subject, the sentences of all such tables, and further ones."""
    shortcut = elsewhere = ""
    if kappas := shortcut_kappas(results):
        shortcut = (
            f"Without the retina, kappa on test is {kappas['frame']} from {FEATURE_SETS['frame']} alone and "
            f"{kappas['colour']} from {FEATURE_SETS['colour']} (gradient boosting on the prepared squares)."
        )
    if params.predicted:
        listed = (f"{name} ({given.source})" if given.source else name for name, given in params.predicted.items())
        elsewhere = f"Measured elsewhere, from files of predictions, whatever the training: {', '.join(listed)}."
    spread = (seeds_sentence(params), interval_sentence(results), rules_sentence())
    trained = (numerics_sentence(results), start_sentence(results), elsewhere)
    sentences = (first, data_sentence(results), shortcut, *spread, *trained)
    return " ".join((*filter(None, sentences), *last))


def run_notes(params: Params, results: Results, arm: Arm, head: Head) -> list[str]:
    """Return notes on an arm's head: flagged runs, and seeds that did not run although others did."""
    flagged: dict[str, list[int]] = {}
    runs = results.runs_of(*arm)
    for seed, flags in zip(runs["seed"], runs["flags"], strict=True):
        for flag, _, about in (flag.partition(":") for flag in flags.split()):
            if about in ("", head):
                flagged.setdefault(flag, []).append(seed)
    notes = [f"{arm} {_seeds(seeds)}, {head}: {FLAGS.get(flag, flag)}." for flag, seeds in flagged.items()]
    measured = results.measured(arm, head, "val")
    absent = [seed for seed in params.seeds_of(arm.method) if measured and str(seed) not in measured.seeds.split()]
    return notes + ([f"{arm}: {_seeds(absent)} not run."] if absent else [])


def seeds_in_words(count: int) -> str:
    """Return a number of seeds, such as ``1 seed`` or ``5 seeds``."""
    return f"{count} seed{'s' * (count > 1)}"


def _seeds(seeds: list[int]) -> str:
    return f"seed{'s' * (len(seeds) > 1)} {', '.join(map(str, seeds))}"
