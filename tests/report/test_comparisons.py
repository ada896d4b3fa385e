"""The paired comparisons of arms, as the report prints them."""

from __future__ import annotations

import math
from contextlib import chdir
from dataclasses import replace

import pytest

from benchmark.report.render import table_to_csv, to_markdown
from benchmark.report.results import load_results
from benchmark.report.tables.comparisons import comparisons_table
from benchmark.statistics.estimates import select
from tests.factories.runs import ARMS, records

PAIR = {"basenet": {"mse_mid": ARMS["basenet"]["mse_mid"]}, "basenet_mt": {"mid": ARMS["basenet_mt"]["mid"]}}


@pytest.fixture(scope="module")
def made(finished):
    """Parameters, results and comparisons of two arms, one of which collapsed once."""
    folder, params = finished(seeds=[0, 1], arms=PAIR, flags={("basenet_mt", "mid", 1): ["collapsed:score"]})
    with chdir(folder):
        results = load_results()
        return params, results, select(results.estimates, kind="comparison")


def test_a_line_holds_the_difference_its_interval_and_the_other_analyses(made):
    params, results, rows = made
    table = comparisons_table(rows, params, results)
    row = replace(rows[0], estimate=0.02, low=-0.01, high=0.05, rules_low=-0.005, rules_high=0.02)
    text = to_markdown(comparisons_table([row], params, results))
    line = "basenet_mt/mid - basenet/mse_mid: scores, val | +0.020 [-0.010, +0.050] [1] | seeds and patients | 60"
    assert f"| {line} | -0.005 to +0.020 | 5 of 8 | +0.010 [-0.020, +0.040] | 0 and 1 | 0.080 |" in text
    assert table.groups()[0][0] == "multi-task against MSE"
    assert records(table)[0]["rank_high"] == "0.040000"


def test_a_collapsed_run_is_named_beside_what_it_takes_part_in(made):
    params, results, rows = made
    table = comparisons_table(rows, params, results)
    assert table.notes == ["basenet_mt/mid seed 1, score: collapsed (one grade for all of val)."]
    assert table.rows[0].cells[0].notes == (1,)


def test_where_val_chose_the_weights_of_one_arm_by_another_head_the_line_says_whom_it_favours(made):
    params, results, rows = made
    best = params.model_copy(update={"train": params.train.model_copy(update={"select_epoch": "best"})})
    arms = params.arms | {"basenet": {"ce_mid": params.arm("basenet", "mse_mid").model_copy(update={"loss": "ce"})}}
    best = best.model_copy(update={"arms": arms})
    row = replace(rows[0], versus="basenet/ce_mid prob", head="prob")
    note = "The epoch was selected by val kappa (epochs: basenet_mt/mid by scores among 3 and "
    assert [text for text in comparisons_table([row], best, results).notes if text.startswith(note)]
    for other in (replace(row, split="test"), replace(row, versus="basenet_mt/mid prob")):
        assert not [text for text in comparisons_table([other], best, results).notes if "selected" in text]


def test_an_arm_that_keeps_its_best_epoch_is_said_to_be_favoured_over_one_that_keeps_its_last(made):
    params, results, rows = made
    own = params.arm("basenet_mt", "mid").model_copy(update={"train": {"select_epoch": "best"}})
    mixed = params.model_copy(update={"arms": params.arms | {"basenet_mt": {"mid": own}}})
    row = replace(rows[0], method="basenet_mt", arm="mid", head="score", versus="basenet/mse_mid score", split="val")
    note = "epochs: basenet_mt/mid by scores among 3 and not basenet/mse_mid"
    assert any(note in text for text in comparisons_table([row], mixed, results).notes)
    test = comparisons_table([replace(row, split="test")], mixed, results)
    assert not any("selected" in text for text in test.notes)


def test_missing_values_are_dashes(made):
    params, results, rows = made
    none = dict.fromkeys(("low", "high", "rules_low", "rules_high", "min_detectable_difference"), math.nan)
    one = replace(rows[1], **none)
    text = to_markdown(comparisons_table([one], params, results))
    assert "| - | 5 of 8 | - | 0 and 0 | - |" in text
    assert "nan" not in text + table_to_csv(comparisons_table([one], params, results))
