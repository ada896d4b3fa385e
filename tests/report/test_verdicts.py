"""The table of verdicts shows what limits each of them."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from benchmark.report.page.board import make_board
from benchmark.report.render import to_markdown
from benchmark.report.results import load_results
from benchmark.report.table import Number, Text
from benchmark.report.tables.verdicts import VERDICT_COLUMNS, verdict_table
from benchmark.statistics.verdict_row import VerdictRow
from tests.factories.runs import ARMS

ROW = VerdictRow(
    claim="multi-task-over-mse",
    kind="ordering",
    part="224x224: Multi-Task scores > MSE scores",
    split="val",
    split_evidence="inferred",
    verdict="inconclusive",
    finding="inconclusive",
    scope="other data: evidence on the ordering only",
    published="+0.022",
    estimate=0.02,
    low=0.004,
    high=0.04,
    confidence_level=0.95,
    resampled="seeds and patients",
    tolerance=0.005,
    margin=0.0015,
    rule="default",
    rules_low=0.016,
    rules_high=0.058,
    n_analyses=20,
    n_hold=19,
    rank_difference=0.01,
    rank_low=-0.01,
    rank_high=0.03,
    failed_b=1,
    n_images=60,
    n_patients="30",
    seeds="0 1 2",
    data="IDRiD",
    quote="-",
    source="-",
    interpretation="-",
)


@pytest.fixture(scope="module")
def results(finished):
    folder, _ = finished(seeds=[0], arms={"basenet_mt": {"mid": ARMS["basenet_mt"]["mid"]}})
    return load_results(folder)


def shown(row: VerdictRow, results) -> dict[str, Text | Number]:
    return dict(zip(VERDICT_COLUMNS[1:], verdict_table([row], results).rows[0].cells, strict=True))


def test_a_line_shows_tolerance_margin_and_what_its_interval_is_over(results):
    cells = {name: cell.text for name, cell in shown(ROW, results).items()}
    assert cells == {
        "split": "val",
        "published": "+0.022",
        "measured": "+0.020",
        "interval over": "seeds and patients",
        "n": "60",
        "seeds": "3",
        "tolerance": "0.005",
        "margin": "0.0015",
        "verdict": "inconclusive",
        "holds under": "19 of 20",
        "over rules": "+0.016 to +0.058",
        "rank correlation": "+0.010 [-0.010, +0.030]",
        "failed": "0 and 1",
        "p": "-",
    }
    assert shown(ROW, results)["measured"].interval == "[+0.004, +0.040]"


@pytest.mark.parametrize(
    ("seeds", "count"), [("0 1 2", "3"), ("0 1 2 | 0", "3 and 1"), ("0 1 2 | 3 4 5", "3 and 3"), ("7", "1"), ("", "-")]
)
def test_seeds_are_counted_per_side(results, seeds, count):
    assert shown(replace(ROW, seeds=seeds), results)["seeds"].text == count


CAVEATS = (
    "M2CNN changes its start, its depth, its heads and its training budget at once.",
    "The published CE prob. falls from 448x448 to 720x720, perhaps a failed run.",
    "One run of m2cnn/large: a single seed gives no estimate of seed variance.",
    "The weights were chosen by val kappa.",
    "m2cnn/large seed 1 collapsed (score).",
)


def test_every_caveat_is_printed_once_and_led_to(results):
    rows = [ROW.with_notes(*CAVEATS), ROW.with_notes(*CAVEATS[2:])]
    table = verdict_table(rows, results)
    assert table.notes == list(CAVEATS)
    assert [row.cells[8].notes for row in table.rows] == [(1, 2, 3, 4, 5), (3, 4, 5)]
    text = to_markdown(table)
    assert "| inconclusive [1] [2] [3] [4] [5] |" in text
    assert all(text.count(caveat) == 1 for caveat in CAVEATS)


def test_what_is_found_says_neither_more_nor_less_than_the_interval(results):
    small = replace(ROW, low=0.0001, high=0.001, failed_b=0).judged("not reproduced")
    assert shown(small, results)["verdict"].text == "smaller than the margin"
    magnitude = "cannot be told apart by one run"
    paper = replace(ROW, scope="the paper's data", magnitude=magnitude).judged("reproduced")
    assert shown(paper, results)["verdict"].text == "reproduced; size cannot be told apart by one run"


def test_only_a_primary_endpoint_has_a_p(results):
    assert shown(replace(ROW, primary=1, p=0.0301), results)["p"].text == "primary 1: 0.030"
    assert shown(replace(ROW, primary=2, untested="not run"), results)["p"].text == "primary 2: not tested (not run)"
    assert "every other row describes" in verdict_table([ROW], results).caption


def test_a_number_has_no_other_analyses(results):
    cells = shown(replace(ROW, kind="number", n_analyses=0), results)
    assert {cells[name].text for name in ("holds under", "over rules", "rank correlation", "failed")} == {"-"}


def test_a_kappa_has_no_sign_and_a_check_of_printed_numbers_shows_what_comes_out(results):
    assert shown(replace(ROW, kind="number"), results)["measured"].text == "0.020"
    check = replace(ROW, kind="consistency", estimate=float("nan"), recomputed="6x6", verdict="inconsistent")
    assert shown(check, results)["measured"].text == "6x6"


def test_what_the_paper_does_not_claim_stands_apart_and_is_not_counted(results):
    asked = replace(
        ROW, claim="huang-against-m2cnn", interpretation="Huang et al. 2023 scores above M2CNN", evidence="ours"
    )
    text = to_markdown(verdict_table([ROW, asked], results))
    assert "**Huang et al. 2023 scores above M2CNN (asked here; the paper does not claim it)**" in text
    assert f"**{ROW.interpretation}**" in text
    board = make_board(SimpleNamespace(verdicts=[ROW, asked], results=results, paper_pixels={}))
    assert [len(claims) for claims in (board["claims"], board["asked"])] == [1, 1]
    assert board["tally"] == [("inconclusive", 1)]
