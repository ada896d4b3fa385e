"""What every table and figure must say of itself: the data, the spread, the decoding, and what may not be concluded."""

from __future__ import annotations

from benchmark.common.terms import Head, Size
from benchmark.report.results import Results
from benchmark.scoring.decision_rules.registry import DECISION_RULES, DEFAULT
from benchmark.settings.params import Params
from benchmark.statistics.graded_runs import ALONE
from benchmark.statistics.published.tables import PrintedTable

PHANTOM = "phantom results: no claim about real eyes"

HEADS: dict[Head, str] = {"score": "scores", "prob": "prob."}
"""How the paper calls the outputs."""

FLAGS = {"collapsed": "collapsed (one grade for all of val)"}
"""How notes call a flag of a run; another flag is shown as it is."""


def data_sentence(results: Results) -> str:
    """Name, nature and size of the data set."""
    nature = f" ({PHANTOM})" if results.synthetic else ""
    return f"Data: {results.data}{nature}; val {results.size_of('val')}, test {results.size_of('test')}."


def size_title(size: Size, params: Params, paper_pixels: int) -> str:
    """An input size by its role, ours and the paper's."""
    return f"{size}: {params.sizes.of(size)} px (paper: {paper_pixels})"


def seeds_sentence(params: Params) -> str:
    """How many seeds a number stands for, and what ± means."""
    if len(params.seeds) == 1:
        return f"Each measured value is from one run (seed {params.seeds[0]}), so it has no ±."
    listed = ", ".join(map(str, params.seeds))
    return (
        f"Each measured value is the mean over {len(params.seeds)} seeds ({listed}); ± is their sample standard "
        "deviation, which does not include the sampling of patients."
    )


def interval_sentence(results: Results) -> str:
    """What [ ] means: of which coverage, over what, and from how many resamples (:mod:`.bootstrap`)."""
    rows = results.kappa_estimates
    levels, counts = (
        " or ".join(dict.fromkeys(texts))
        for texts in ((f"{row.confidence_level * 100:g} %" for row in rows), (f"{row.n_resamples:,}" for row in rows))
    )
    method = f"{counts} resamples; images of unknown patients count one each"
    scopes = {row.resampled for row in rows}
    if scopes == {ALONE}:
        return f"[ ] is its {levels} interval over patients alone (bootstrap, {method})."
    exception = "; over patients alone where a single seed ran" if ALONE in scopes else ""
    return (
        f"[ ] is its {levels} interval over patients and seeds (hierarchical bootstrap: patients resampled, the error "
        f"of the seeds by Student's t; {method}{exception})."
    )


def numbers_sentence(results: Results) -> str:
    """The number format that networks were trained in, where, and whose bits these are."""
    columns = ["precision", "device", "numerics"]
    kinds = [tuple(kind) for kind in results.runs[columns].drop_duplicates().itertuples(index=False)]
    told = " or ".join(f"{precision} on {device}" for precision, device, _ in kinds)
    portable = {kind[1:] for kind in kinds} == {("cpu", "portable")}
    whose = "every x86-64 processor with AVX2 gives the same bits" if portable else "the bits are this machine's"
    return f"Trained in {told}; {whose}."


def start_sentence(results: Results) -> str:
    """What backbones started from, where that was more than their seeds; else nothing."""
    kinds = results.runs[["backbone", "weights"]].drop_duplicates().itertuples(index=False)
    told = [f"{backbone} from the weights {weights}" for backbone, weights in kinds if weights]
    return f"Backbones started from training on other images: {', '.join(told)}." if told else ""


def decoding_sentence() -> str:
    """The rules from outputs to grades."""
    score, prob = (DECISION_RULES[DEFAULT[head]].title for head in ("score", "prob"))
    return f"Decoding: scores by the {score}, prob. by the {prob}; the paper prints neither rule."


def other_data_sentence() -> str:
    """Why ours beside the paper's is no reproduction by itself."""
    return "The paper's numbers are for Kaggle EyePACS 2015; a number on other data is no reproduction of them."


def inferred_sentence(printed: PrintedTable) -> str:
    """What the paper does not print of a table and is read into it, for which rows and why."""
    readings: dict[tuple[str, str, str], list[str]] = {}
    for cell in printed.cells:
        for name, fact in (("split", cell.split), ("head", cell.head)):
            if fact and fact.evidence == "inferred":
                rows = readings.setdefault((name, fact.value, fact.note), [])
                rows += [cell.row] if cell.row not in rows else []
    listed = []
    for (name, value, note), rows in readings.items():
        where = "" if len(rows) == len(printed.rows) else f" of {', '.join(rows)}"
        listed.append(f"{name} {value}{where} ({note})")
    return f"Inferred, not printed: {'; '.join(listed)}."


def caption(first: str, params: Params, results: Results, *last: str) -> str:
    """Caption of a table of kappas: what is shown, what holds for all such tables, and what else must be said."""
    spread = (seeds_sentence(params), interval_sentence(results))
    trained = filter(None, (numbers_sentence(results), start_sentence(results)))
    return " ".join((first, data_sentence(results), *spread, decoding_sentence(), *trained, *last))
