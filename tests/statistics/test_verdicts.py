"""Verdicts: judged claims, their data, and their notes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import ndtri

from benchmark.common.csv_rows import read_rows, rows_to_csv
from benchmark.common.errors import InputError
from benchmark.evaluation import evaluate
from benchmark.evaluation.architecture import Architecture
from benchmark.settings.data import Sizes
from benchmark.statistics import verdicts
from benchmark.statistics.bootstrap import Graded
from benchmark.statistics.comparison import Comparison
from benchmark.statistics.confidence import Confidence, Interval, Spread, spread_of
from benchmark.statistics.graded_runs import GradedRuns, read_graded_runs
from benchmark.statistics.multiverse import Difference
from benchmark.statistics.published.claims import CLAIMS, load_claims
from benchmark.statistics.published.tables import PUBLISHED, load_published
from benchmark.statistics.readings import Reading
from benchmark.statistics.verdict_row import VerdictRow, gatekept
from benchmark.statistics.verdict_rules import judge_magnitude
from benchmark.statistics.verdicts import VERDICTS, Case
from models.losses.registry import LOSSES
from models.systems.registry import SYSTEMS
from tests.factories.paths import ROOT
from tests.factories.runs import make_all, make_networks, make_params, make_result

GOLDEN = ROOT / "tests/golden/statistics_verdicts.csv"
PRINTED = load_published(ROOT / PUBLISHED)

ARMS = {
    "basenet": {"mse_small": {"loss": "mse", "size": "small"}, "ce_large": {"loss": "ce", "size": "large"}},
    "basenet_mt": {size: {"loss": "ce_mse", "size": size} for size in ("small", "large")},
    "m2cnn": {"large": {"loss": "ce_mse", "size": "large", "n_cells": 1, "from": "basenet_mt/small"}},
}
NETWORKS = [
    Architecture("paper", "inception_resnet_v2", 32, "block8", 256, 1, 6, 6, 1, 1),
    Architecture("params", "test_byobnet", 8, "", 256, 1, 32, 32, 1, 1),
]
NOISE = {"basenet": 1.0, "basenet_mt": 0.7, "m2cnn": 0.6}

TEXT = """
paper: {data: eyepacs, images: {train: 80, val: 60, test: 100}, sha256: {}, may_lack: 0.001, profile: [scale=paper]}
orderings:
  - &ordering
    id: grows
    quote: larger is better
    source: page 1
    interpretation: kappa grows
    evidence: stated
    tolerance: 0.005
    rationale: it is small
    pairs:
      - {better: [ablation, 720x720, Multi-Task scores], worse: [ablation, 224x224, Multi-Task scores]}
      - {better: [ablation, 720x720, M2CNN scores], worse: [ablation, 720x720, Multi-Task scores]}
      - {better: [comparison, M2CNN, test set], worse: [comparison, BaseNet+MT, test set], primary: 1}
  - <<: *ordering
    id: better
    interpretation: both losses are better
    caveat: Mind this.
    pairs:
      - {better: [ablation, 224x224, Multi-Task scores], worse: [ablation, 224x224, MSE scores]}
      - {better: [ablation, 448x448, Multi-Task scores], worse: [ablation, 448x448, MSE scores]}
      - {better: [ablation, 720x720, Multi-Task prob.], worse: [ablation, 720x720, CE prob.], doubt: It dips.}
numbers:
  - {id: headline, quote: it is so, source: page 2, interpretation: kappa, evidence: stated, tolerance: 0.02,
     rationale: it is wide, cells: [[comparison, M2CNN, val set], [comparison, M2CNN, test set]]}
savings:
  - {id: faster, quote: it is fast, source: page 3, interpretation: cost, evidence: stated, tolerance: 0.05,
     rationale: it is a lot, cheaper: [ablation, 720x720, M2CNN scores], dearer: [ablation, 720x720, Multi-Task scores]}
consistency:
  - {id: rank, quote: fourth, source: page 4, interpretation: rank, evidence: stated, check: rank,
     cells: [[comparison, M2CNN, test set]], value: {value: "4", evidence: stated, note: counting}}
"""


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("benchmark.statistics.multiverse.N_RESAMPLES", 200)
    monkeypatch.setattr("benchmark.statistics.verdicts.N_RESAMPLES", 200)
    return tmp_path


def made_claims(text: str = TEXT):
    Path("claims.yaml").write_text(text)
    return load_claims(Path("claims.yaml"), PRINTED)


def grades(split: str, noise: float, seeds: list[int]) -> Graded:
    """Return two eyes per patient with noisy grades, equal on every machine."""
    n = {"val": 60, "test": 100}[split]
    grade = np.random.RandomState(n).choice(5, n, p=(0.4, 0.15, 0.2, 0.13, 0.12))
    seen = [grade + noise * np.random.RandomState(int(1000 * noise) + seed).standard_normal(n) for seed in seeds]
    predicted = np.clip(np.rint(seen), 0, 4).astype(np.int64)
    patient = np.array([str(i // 2) for i in range(n)])
    return Graded(np.arange(n).astype(str), patient, grade.astype(np.int64), predicted, tuple(seeds))


def reading(arm: Graded) -> Reading:
    """Return readings of these grades under the default rule alone, and made-up rank correlations."""
    runs = len(arm.predicted)
    return Reading({"default": arm}, np.array(arm.kappas), np.linspace(0, 0.1, 20)[:, None] * np.arange(1, runs + 1))


def made_case(params=None, skip=(), flags=None, noise=NOISE, **data) -> Case:
    """Return runs of every declared arm except those in ``skip``, on data with these properties."""
    params = params or make_params(arms=ARMS)
    runs, graded, curves = {}, {}, []
    for stage, arms in params.arms.items():
        for name, arm in arms.items():
            if (stage, name) in skip:
                continue
            made = [
                make_result(params, stage, name, seed, (flags or {}).get((stage, name), ())) for seed in params.seeds
            ]
            runs[stage, name] = [run.model_copy(update={"data": run.data.model_copy(update=data)}) for run in made]
            for head in LOSSES[arm.loss].heads:
                for split in ("val", "test"):
                    worse = {"small": 0.3, "mid": 0.1, "large": 0.0}[arm.size] + (0.05 if head == "prob" else 0)
                    graded[(stage, name), head, split] = grades(split, noise[stage] + worse, params.seeds)
            for seed in params.seeds:
                kappas = [0.3, 0.55, 0.6] if stage == "m2cnn" else [0.1, 0.2, 0.5 + 0.01 * seed]
                columns = {"method": stage, "arm": name, "seed": seed, "images": [80, 160, 240]}
                curves.append(pd.DataFrame(columns | {"val_kappa_score": kappas}))
    readings = {key: reading(one) for key, one in graded.items()}
    return Case(params, GradedRuns(runs, graded, {}, readings), PRINTED, pd.concat(curves), NETWORKS)


def judged(case: Case, text: str = TEXT) -> dict[tuple[str, str], VerdictRow]:
    """Return rows by claim and part; the key of a row for all parts includes its split."""
    rows = verdicts.verdicts(made_claims(text), case)
    return {(row.claim, row.part if row.part != "all" else f"all {row.split}"): row for row in rows}


def in_the_papers_setting(images=None, **changes) -> Case:
    """Return runs at the paper's sizes on its data, with other numbers of ``images`` or parameters if given."""
    params = make_params(arms=ARMS).model_copy(update={"sizes": Sizes(small=224, mid=448, large=720)})
    data = {"name": "eyepacs", "source": "eyepacs", "synthetic": False} | (images or {})
    return replace(made_case(params.model_copy(update=changes), **data), profile=params)


def fix_difference(monkeypatch, low: float, high: float, other_rule: float | None = None, failed=(0, 0)) -> None:
    """Make every comparison differ by this amount, and by another one under tuned thresholds if given."""
    middle, many = (low + high) / 2, 10**6
    drawn = middle + (high - low) / 2 / 1.96 * ndtri(np.arange(0.5, 1000) / 1000)
    confidence = Confidence(middle, drawn, Spread((high - low) / 1000, 2), many)
    found = Interval(middle, low, high, 0.95, 200, 30, 0, 0.01, "", confidence.of_one_run(0.95))
    compared = Comparison(0.8, 0.7, found, confidence, lambda: 0.5, 60, ((0, 1, 2), (0, 1, 2)), failed)
    by_rule = {"default": middle, "tuned": middle if other_rule is None else other_rule}
    difference = Difference("default", compared, by_rule, np.array([*by_rule.values(), middle]), found)
    monkeypatch.setattr(verdicts, "compare_arms", lambda *_: difference)


MT_224 = ("better", "224x224: Multi-Task scores > MSE scores")
CE_720 = ("better", "720x720: Multi-Task prob. > CE prob.")


def test_verdicts_render_as_stored():
    """Compare with tests/golden; FUNDUSBENCH_GOLDEN=write pytest tests/statistics/test_verdicts.py renews the file."""
    case = made_case(flags={("m2cnn", "large"): ["collapsed:score"]})
    text = rows_to_csv(VerdictRow, verdicts.verdicts(made_claims(), case))
    if os.environ.get("FUNDUSBENCH_GOLDEN") == "write":
        GOLDEN.write_text(text, encoding="utf-8", newline="\n")
    assert text.encode() == GOLDEN.read_bytes()


def test_phantom_results_say_nothing_about_the_paper():
    rows = judged(made_case()).values()
    measured = [row for row in rows if row.kind != "consistency"]
    assert {row.scope for row in measured} == {"phantom: no claim about real eyes"}
    assert not [row.finding for row in measured if "reproduced" in row.finding]
    assert {row.verdict for row in measured if row.kind == "number"} == {"not comparable: other data"}
    assert {row.magnitude for row in measured} == {""}


@pytest.mark.parametrize("data", [{"name": "idrid"}, {"name": "eyepacs", "train": 79}])
def test_on_other_data_an_ordering_holds_here_or_does_not(monkeypatch, data):
    case = made_case(synthetic=False, source="csv", **data)
    fix_difference(monkeypatch, 0.01, 0.02)
    row = judged(case)[MT_224]
    assert (row.verdict, row.finding, row.margin, row.magnitude) == ("reproduced", "holds here", 0.005, "")
    assert row.scope == "other data: evidence on the ordering only"
    fix_difference(monkeypatch, -0.02, -0.01)
    row = judged(case)[MT_224]
    assert (row.verdict, row.finding) == ("not reproduced", "the opposite holds here")


def test_in_the_papers_setting_sizes_and_numbers_are_compared_too(monkeypatch):
    case = in_the_papers_setting()
    fix_difference(monkeypatch, 0.01, 0.015)
    rows = judged(case)
    row = rows[MT_224]
    assert (row.scope, row.finding, row.magnitude) == ("the paper's data", "reproduced", "smaller than printed")
    assert (row.published, row.published_evidence) == ("+0.022", "computed")
    assert rows["grows", "test set: M2CNN > BaseNet+MT"].margin == 0.0015
    number = rows["headline", "M2CNN, test set"]
    assert number.verdict == "not reproduced" == number.finding
    assert (number.magnitude, number.published) == ("larger than printed", "0.841")


@pytest.mark.parametrize("change", ["size", "backbone"])
def test_other_settings_make_numbers_incomparable(change):
    case = in_the_papers_setting()
    update = {"sizes": Sizes(small=224, mid=448, large=512)}
    if change == "backbone":
        update = {"model": case.params.model.model_copy(update={"backbone": "resnet50"})}
    rows = judged(in_the_papers_setting(**update))
    assert rows["headline", "M2CNN, val set"].verdict == "not comparable: other settings"
    assert rows["grows", "all val"].scope.endswith("evidence on the ordering only")
    named = "sizes.large" if change == "size" else "model.backbone"
    assert f"Not the paper's setting: {named}." in rows[MT_224].notes


def test_a_few_missing_images_are_allowed_and_counted():
    rows = judged(in_the_papers_setting({"train": 79}))
    assert {row.scope for row in rows.values() if row.kind != "consistency"} == {"the paper's data"}
    assert "Left out of the official split: 1 of 80 train images." in rows[MT_224].notes
    assert "Left out" not in judged(in_the_papers_setting())[MT_224].note


def test_a_difference_between_0_and_the_margin_is_called_smaller(monkeypatch):
    fix_difference(monkeypatch, 0.001, 0.004)
    for case in (made_case(), in_the_papers_setting()):
        row = judged(case)[MT_224]
        assert (row.verdict, row.finding) == ("not reproduced", "smaller than the margin")
        # So is the claim as a whole, all of whose parts are found to be that small.
        assert judged(made_case())["grows", "all val"].finding == "smaller than the margin"
    fix_difference(monkeypatch, -0.006, 0.004)
    assert judged(made_case())[MT_224].finding == "does not hold here"
    assert judged(made_case())["grows", "all val"].finding == "does not hold here"


@pytest.mark.parametrize(
    ("low", "high", "finding"),
    [
        (-0.001, 0.004, "practically equal"),
        (-0.004, 0.004, "practically equal"),
        (-0.006, 0.004, "does not hold here"),
        (-0.02, -0.006, "the opposite holds here"),
        (-0.02, -0.004, "does not hold here"),
    ],
)
def test_what_does_not_hold_is_equal_or_the_opposite_where_the_interval_says_so(monkeypatch, low, high, finding):
    fix_difference(monkeypatch, low, high)
    row = judged(made_case())[MT_224]
    assert (row.verdict, row.finding) == ("not reproduced", finding)


HEADS = TEXT.replace("worse: [ablation, 224x224, MSE scores]}", "worse: [ablation, 224x224, Multi-Task prob.]}")
HEAD_224 = ("better", "224x224: Multi-Task scores > Multi-Task prob.")


def kept_best(**changes):
    params = in_the_papers_setting().params
    return in_the_papers_setting(train=params.train.model_copy(update={"select_epoch": "best"}), **changes)


def test_a_claim_is_judged_on_test_if_val_selected_the_epoch_by_one_side():
    last = judged(in_the_papers_setting(), HEADS)[HEAD_224]
    best = judged(kept_best(), HEADS)
    assert (last.split, last.published, last.n_images) == ("val", "+0.024", 60)
    heads, multi_task = best[HEAD_224], best[CE_720]
    assert (heads.split, heads.published, heads.magnitude, heads.n_images) == ("test", "", "", 100)
    assert multi_task.split == "test"
    assert "Judged on test; the paper prints +0.024 for val." in heads.notes
    assert [note for note in heads.notes if "which favours basenet_mt/small score: nothing is concluded" in note]
    assert (heads.biased_towards, multi_task.biased_towards) == ("a", "b")
    # Both sides were chosen by the head that is read, or both by the other.
    assert best["grows", "720x720: M2CNN scores > Multi-Task scores"].split == "val"


def test_no_conclusion_favours_the_head_that_selected_the_epoch(monkeypatch):
    for low, high, heads, multi_task in (
        (0.01, 0.02, "inconclusive", "reproduced"),
        (-0.02, -0.01, "not reproduced", "inconclusive"),
    ):
        fix_difference(monkeypatch, low, high)
        rows = judged(kept_best(), HEADS)
        assert (rows[HEAD_224].verdict, rows[CE_720].verdict) == (heads, multi_task)
        # Nor in a claim as a whole.
        assert rows["better", "all test"].verdict == heads
    only = TEXT.replace("[ablation, 224x224, Multi-Task scores], worse: [ablation, 224x224, MSE scores]", PROB_720)
    assert judged(kept_best(), only)["better", "all test"].verdict == "inconclusive"


PROB_720 = "[ablation, 720x720, Multi-Task prob.], worse: [ablation, 720x720, CE prob.]"


def test_equal_heads_differ_on_the_selecting_val_split_and_not_on_test():
    """Simulated val kappas of two heads with equal true values and independent noise per epoch."""
    rng, runs, epochs, sd = np.random.default_rng(0), 4000, 15, 0.006
    kappas = {split: 0.8 + sd * rng.standard_normal((runs, epochs, 2)) for split in ("val", "test")}
    kept = kappas["val"][..., 0].argmax(1)
    apart = {split: (curves[..., 0] - curves[..., 1])[np.arange(runs), kept] for split, curves in kappas.items()}
    bound = 4 * sd * 2**0.5 / runs**0.5
    assert apart["val"].mean() > 0.006
    assert verdicts.fair_split("val", ["score", "score"], ["score", "prob"]) == "test"
    assert abs(apart["test"].mean()) < bound
    # What the epoch's weights truly are counts on test, too; it never speaks against the head that chose.
    weights = sd * rng.standard_normal((runs, epochs, 2))
    kept = (kappas["val"] + weights)[..., 0].argmax(1)
    seen = (kappas["test"] + weights)[np.arange(runs), kept]
    assert 0.004 < (seen[:, 0] - seen[:, 1]).mean() < 0.016
    assert verdicts.favoured(["score", "score"], ["score", "prob"]) == "a"
    # The same head of two arms, each at its own best epoch: val is as lucky for the one as for the other.
    other = (0.8 + sd * rng.standard_normal((runs, epochs))).max(1)
    assert verdicts.fair_split("val", ["score", "score"], ["score", "score"]) == "val"
    assert abs((kappas["val"][..., 0].max(1) - other).mean()) < bound


@pytest.mark.parametrize(
    ("kept_by", "heads", "split"),
    [
        ((None, None), ("score", "prob"), "val"),
        (("score", None), ("score", "prob"), "test"),
        (("score", None), ("prob", "prob"), "val"),
        (("score", "prob"), ("prob", "prob"), "test"),
        (("score", "prob"), ("score", "prob"), "val"),
        (("score", "score"), ("prob", "prob"), "val"),
    ],
)
def test_sides_are_compared_on_val_if_selection_treats_them_equally(kept_by, heads, split):
    assert verdicts.fair_split("val", kept_by, heads) == split
    assert verdicts.fair_split("test", kept_by, heads) == "test"


def test_the_best_of_more_epochs_is_better_on_val_by_luck():
    """Simulated val kappas of equal procedures, the best of 75 epochs against the best of 25 and against the last."""
    rng, sd = np.random.default_rng(1), 0.01
    many, few = (0.8 + sd * rng.standard_normal((2000, epochs)) for epochs in (75, 25))
    assert (many.max(1) - few.max(1)).mean() > 0.003
    assert (few.max(1) - few[:, -1]).mean() > 0.015
    assert verdicts.fair_split("val", ["score", "score"], ["score", "score"], [75, 25]) == "test"
    assert verdicts.fair_split("val", ["score", "score"], ["score", "score"], [25, 25]) == "val"
    assert verdicts.fair_split("val", [None, None], ["score", "score"], [75, 25]) == "val"


def test_exchanging_the_claim_reverses_the_verdict():
    case = made_case(noise={"basenet": 2.5, "basenet_mt": 0.01, "m2cnn": 0.3})
    assert judged(case)[MT_224].verdict == "reproduced"
    cells = "better: [ablation, 224x224, Multi-Task scores], worse: [ablation, 224x224, MSE scores]"
    turned = "worse: [ablation, 224x224, Multi-Task scores], better: [ablation, 224x224, MSE scores]"
    row = judged(case, TEXT.replace(cells, turned))["better", "224x224: MSE scores > Multi-Task scores"]
    assert (row.verdict, row.finding, row.low < row.high < 0) == (
        "contradicted in print",
        "contradicted in print",
        True,
    )
    assert "The printed numbers say the opposite." in row.notes


def test_a_perfect_replication_fails_no_claim(monkeypatch):
    """Every measured difference and kappa is the printed one; the paper's tables contradict two of its claims."""
    claims = load_claims(ROOT / CLAIMS, PRINTED)
    case = in_the_papers_setting()
    monkeypatch.setattr(verdicts, "scope_of", lambda *_: "the paper's data")
    monkeypatch.setattr(verdicts, "_sides", lambda *_: [(("basenet_mt", "small"), "score")] * 2)
    rows = []
    for claim in claims.orderings:
        parts = []
        for pair in claim.pairs:
            effect = float(pair.effect)
            fix_difference(monkeypatch, effect - 1e-4, effect + 1e-4)
            parts.append(verdicts._ordering(claim, pair, claims.paper, case))
        rows += [*parts, *verdicts.judge_parts(parts)]
    assert Counter(row.verdict for row in rows if row.part == "all") == {"reproduced": 6}
    assert [row.published for row in rows if row.verdict == "contradicted in print"] == ["-0.007", "-0.021"]
    assert {row.verdict for row in rows} == {"reproduced", "contradicted in print"}


def test_a_verdict_that_turns_with_the_decision_rule_is_not_firm(monkeypatch):
    for low, high in ((0.01, 0.03), (-0.03, -0.01)):
        for other, verdict in ((-low, "depends on the decision rule"), ((low + high) / 4, None)):
            fix_difference(monkeypatch, low, high, other)
            row = judged(made_case())[MT_224]
            assert row.verdict == row.finding == verdict if verdict else row.verdict.endswith("reproduced")
            assert (row.rules_low, row.rules_high) == (min(other, (low + high) / 2), max(other, (low + high) / 2))
            assert np.isnan(row.p_short) == bool(verdict)
            assert row.n_hold == sum(found > 0.005 for found in ((low + high) / 2, other, (low + high) / 2))
    fix_difference(monkeypatch, -0.01, 0.03, -0.02)
    assert judged(made_case())[MT_224].verdict == "inconclusive"


def test_nothing_is_concluded_in_favour_of_an_arm_with_failed_trainings(monkeypatch):
    for failed, better, worse in (
        ((1, 0), "inconclusive", "not reproduced"),
        ((0, 2), "reproduced", "inconclusive"),
        ((1, 1), "inconclusive", "inconclusive"),
    ):
        for ends, verdict in (((0.01, 0.02), better), ((-0.02, -0.01), worse)):
            fix_difference(monkeypatch, *ends, failed=failed)
            row = judged(made_case())[MT_224]
            assert (row.verdict, row.failed_a, row.failed_b) == (verdict, *failed)
            assert "Failed trainings, whose kappa is not clear of 0: " in row.note


def test_an_arm_that_never_learned_judges_nothing():
    """Chance is neither better nor worse evidence: one image off a constant grade was full evidence."""
    case = made_case(noise=NOISE | {"basenet": 100.0})
    row = judged(case)[MT_224]
    assert (row.verdict, row.failed_b) == ("inconclusive", 3)


PRIMARY = TEXT.replace(", primary: 1", "").replace(
    "[ablation, 720x720, Multi-Task scores]}\n", "[ablation, 720x720, Multi-Task scores], primary: 1}\n", 1
)
PRIMARY = PRIMARY.replace("[ablation, 224x224, MSE scores]}", "[ablation, 224x224, MSE scores], primary: 2}")


def test_primary_endpoints_are_tested_in_order_until_one_is_not_reproduced(monkeypatch):
    first = ("grows", "720x720: M2CNN scores > Multi-Task scores")
    fix_difference(monkeypatch, 0.01, 0.02)
    rows = judged(made_case(), PRIMARY)
    assert [rows[key].primary for key in (first, MT_224)] == [1, 2]
    assert max(rows[first].p, rows[MT_224].p) < 0.025
    assert all(np.isnan(row.p) for key, row in rows.items() if key not in (first, MT_224))
    fix_difference(monkeypatch, -0.01, 0.02)
    rows = judged(made_case(), PRIMARY)
    assert rows[first].p > 0.025
    assert np.isnan(rows[MT_224].p)
    assert rows[MT_224].untested == "an earlier primary endpoint was not reproduced"


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"p": 0.3, "verdict": "inconclusive"}, ""),
        ({"verdict": "not run"}, "not run"),
        ({"rules_low": 0.001, "rules_high": 0.02, "margin": 0.005}, "the decision rules disagree about the margin"),
        ({"failed_a": 1}, "nothing is concluded in favour of its first side"),
        ({}, "no interval over seeds"),
    ],
)
def test_a_primary_endpoint_without_a_p_value_says_why(columns, reason):
    named = {"claim": "c", "kind": "ordering", "part": "p", "split": "test", "split_evidence": "", "data": "d"}
    texts = {"scope": "the paper's data", "quote": "", "source": "", "interpretation": ""}
    (row,) = gatekept([VerdictRow(**named, **texts, **({"verdict": "inconclusive"} | columns), primary=1)])
    assert row.untested == reason


def test_a_fixed_sequence_rarely_finds_anything_false():
    """Three endpoints at their margins: each alone errs in 2.5 of 100 cases, and so does the sequence."""
    rng, trials = np.random.default_rng(8), 4000
    start = judged(made_case())[MT_224]
    wrong = single = 0
    for _ in range(trials):
        verdicts_of = ["reproduced" if p < 0.025 else "inconclusive" for p in rng.random(3)]
        single += "reproduced" in verdicts_of
        rows = [replace(start, primary=i + 1, p=0.01, verdict=one) for i, one in enumerate(verdicts_of)]
        wrong += any(row.verdict == "reproduced" and not np.isnan(row.p) for row in gatekept(rows))
    assert wrong / trials < 0.025 + 3 * (0.025 / trials) ** 0.5
    assert single / trials > 0.06


def test_equal_procedures_are_rarely_unlike_the_printed_number():
    """A printed number is one run: against the interval of a mean, 17 to 35 of 100 equal procedures differ from it."""
    rng, trials = np.random.default_rng(9), 2000
    for runs in (5, 20):
        values, printed = 0.8 + 0.02 * rng.standard_normal((trials, runs)), 0.8 + 0.02 * rng.standard_normal(trials)
        unlike = 0
        for own, number in zip(values, printed, strict=True):
            ends = Confidence(own.mean(), own[:1], spread_of(own), 50).of_one_run(0.95)
            unlike += judge_magnitude(ends, 1e-9, number) in ("smaller than printed", "larger than printed")
        assert unlike / trials < 0.05 + 3 * (0.05 / trials) ** 0.5


def test_a_doubted_printed_difference_is_not_used(monkeypatch):
    fix_difference(monkeypatch, -0.01, 0.01)
    row = judged(in_the_papers_setting())[CE_720]
    assert (row.verdict, row.magnitude, row.margin) == ("inconclusive", "", 0.005)
    assert row.published == "+0.075"
    assert "It dips." in row.notes


def test_missing_runs_are_named_and_the_rest_is_judged():
    rows = judged(made_case(skip={("basenet", "mse_small")}))
    missing = rows[MT_224]
    assert (missing.verdict, missing.finding, missing.n_images) == ("not run", "not run", 0)
    assert missing.note == "Mind this. | No finished run of basenet with mse at size small."
    assert rows["better", "448x448: Multi-Task scores > MSE scores"].verdict == "not run"
    whole = rows["better", "all val"]
    assert whole.verdict != "reproduced"
    assert whole.note.startswith("3 parts: 2 not run, 1 ")
    assert (
        judged(made_case(skip={("m2cnn", "large")}))["faster", "720x720: M2CNN scores before Multi-Task scores"].verdict
        == "not run"
    )


def test_a_claim_is_judged_as_a_whole_on_each_split_that_has_several_parts(monkeypatch):
    fix_difference(monkeypatch, 0.01, 0.02)
    rows = judged(made_case())
    assert [key for key in rows if key[0] == "grows"] == [
        ("grows", "Multi-Task scores: 720x720 > 224x224"),
        ("grows", "720x720: M2CNN scores > Multi-Task scores"),
        ("grows", "test set: M2CNN > BaseNet+MT"),
        ("grows", "all val"),
    ]
    assert rows["grows", "all val"].verdict == "reproduced"
    assert rows["grows", "all val"].note == "2 parts: 2 holds here."


def test_rows_describe_their_data():
    row = judged(made_case())[MT_224]
    assert (row.a, row.b) == ("basenet_mt/small score", "basenet/mse_small score")
    assert (row.split, row.split_evidence) == ("val", "inferred")
    assert (row.n_images, row.n_patients, row.seeds, row.data) == (60, "30", "0 1 2", "phantom")
    assert row.resampled == "seeds and patients"
    assert row.low < row.estimate < row.high


def test_rows_note_caveats_on_the_runs():
    params = make_params(seeds=[7], arms=ARMS)
    params = params.model_copy(update={"train": params.train.model_copy(update={"select_epoch": "best"})})
    rows = judged(made_case(params, flags={("basenet", "mse_small"): ["collapsed:score", "collapsed:prob"]}))
    assert rows[MT_224].resampled == "patients alone"
    assert rows[MT_224].note == (
        "Mind this. | One run of basenet_mt/small: a single seed gives no estimate of seed variance. | "
        "One run of basenet/mse_small: a single seed gives no estimate of seed variance. | "
        "The weights were chosen by val kappa. | basenet/mse_small seed 7 collapsed (score)."
    )
    assert "chosen" not in rows["grows", "test set: M2CNN > BaseNet+MT"].note


def test_a_saving_includes_all_ancestors():
    row = judged(made_case())["faster", "720x720: M2CNN scores before Multi-Task scores"]
    # Three epochs at 40 px and two at 128 px, against three at 128 px.
    assert row.estimate == pytest.approx(1 - (3 * 40**2 + 2 * 128**2) / (3 * 128**2), abs=0.02)
    assert (row.resampled, row.margin, row.b) == ("seeds alone", 0.05, "basenet_mt/large score")
    one = judged(made_case(make_params(seeds=[1], arms=ARMS)))["faster", row.part]
    assert one.verdict == "inconclusive"
    assert np.isnan(one.low)
    rows = judged(made_case(skip={("basenet_mt", "small")}))
    assert rows["faster", row.part].note.startswith("No seed has finished runs")


def test_the_papers_own_numbers_are_checked():
    case = made_case()
    claims = replace(load_claims(ROOT / CLAIMS, PRINTED), orderings=(), numbers=(), savings=(), steps=())
    found = {row.claim: (row.published, row.recomputed, row.verdict) for row in verdicts.verdicts(claims, case)}
    assert found == {
        "rank-on-test": ("4", "4", "consistent"),
        "feature-map-at-256": ("8x8", "6x6", "inconsistent"),
        "ce-grows-with-resolution": ("rises", "no rise from 0.772 to 0.751", "inconsistent"),
        "multi-task-over-ce-at-224": ("rises", "no rise from 0.725 to 0.718", "inconsistent"),
        "min-pooling-rounded": ("0.849", "0.850", "inconsistent"),
        "o-o-rounded": ("0.844", "0.845", "inconsistent"),
        "basenet-is-mse-at-720": ("0.835 = 0.835", "0.835 = 0.835", "consistent"),
        "basenet-mt-is-multi-task-at-720": ("0.841 = 0.841", "0.841 = 0.841", "consistent"),
        "m2cnn-is-m2cnn-at-720": ("0.844 = 0.844", "0.844 = 0.844", "consistent"),
    }


@pytest.fixture
def project():
    """A project with the published files and runs of the paper's arms."""
    Path("experiments").mkdir()
    Path("experiments/published").symlink_to(ROOT / "experiments/published")
    params = make_params(seeds=[0, 1], systems=tuple(SYSTEMS))
    make_all(params)
    make_networks()
    evaluate.run(params)
    return params


def test_every_claim_of_the_paper_is_judged(project):
    verdicts.run(project, read_graded_runs(project))
    before = VERDICTS.read_bytes()
    rows = read_rows(VERDICTS, VerdictRow, "-")
    claims = load_claims()
    expected = [*claims.orderings, *claims.numbers, *claims.steps, *claims.savings, *claims.consistency]
    assert list(dict.fromkeys(row.claim for row in rows)) == [claim.id for claim in expected]
    asked = {"huang-against-m2cnn", *(step.id for step in claims.steps)}
    assert {row.claim for row in rows if row.evidence == "ours"} == asked
    assert "not run" not in Counter(row.verdict for row in rows)
    assert all(row.n_images and row.n_patients and row.seeds and row.data for row in rows if row.kind != "consistency")
    verdicts.run(project, read_graded_runs(project))
    assert VERDICTS.read_bytes() == before
    assert b"\r" not in before


def test_a_missing_evaluation_names_the_command_to_run(project):
    Path("evaluation/curves.csv").unlink()
    with pytest.raises(InputError, match="run `fundusbench evaluate`"):
        verdicts.run(project, read_graded_runs(project))


@pytest.mark.slow
def test_no_network_library_is_loaded():
    code = "import sys, benchmark.statistics.verdicts\n"
    code += "sys.exit(any(name in sys.modules for name in ('torch', 'timm', 'mlflow')))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
