"""Cells of two versions of a table: found again, held apart by the spread of seeds alone, and never guessed at."""

from __future__ import annotations

import csv
import io
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ttest_ind

from benchmark.report.recheck.seed_noise import Sample, compare_tables, welch
from benchmark.report.recheck.table_diff import Difference, first_difference, first_line, key_columns, read_lines
from tests.report.test_report import GOLDEN

MEANS = st.floats(-1, 1).map(lambda value: round(value, 6))
SDS = st.floats(0, 0.5).map(lambda value: round(value, 6))
SAMPLES = st.builds(Sample, MEANS, SDS, st.integers(2, 10))


def line(arm="a", mean="0.5", sd="0.01", seeds="0 1 2", **others) -> dict[str, str]:
    return {"table": "t", "arm": arm, "mean": mean, "sd": sd, "seeds": seeds, **others}


def statuses(ours, theirs) -> dict[str, str]:
    return {cell.row: cell.status for cell in compare_tables({"t": ours}, {"t": theirs})}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ablation", ("row", "column", "split")),
        ("comparison", ("row", "column")),
        ("confound", ("size", "row", "split", "head")),
        ("cost", ("row",)),
        ("cost_time", ("stage", "arm")),
        ("spatial", ("sizes_of", "pixels")),
        ("verdicts", ("claim", "part")),
    ],
)
def test_lines_are_told_apart_by_what_a_reader_would_name(name, expected):
    lines = read_lines((GOLDEN / f"{name}.csv").read_text(encoding="utf-8"))
    assert key_columns(lines) == key_columns(lines, lines[::-1]) == expected


@given(st.lists(st.lists(MEANS, min_size=2, max_size=6), min_size=2, max_size=2))
def test_welch_agrees_with_scipy_on_the_seeds_themselves(sides):
    samples = [Sample(float(np.mean(side)), float(np.std(side, ddof=1)), len(side)) for side in sides]
    if all(sample.sd > 1e-4 for sample in samples):
        expected = ttest_ind(*sides, equal_var=False).pvalue
        assert welch(*samples) == pytest.approx(expected, abs=1e-6)


@given(SAMPLES, SAMPLES)
def test_welch_is_symmetric_and_a_probability(one, other):
    p = welch(one, other)
    assert 0 <= p <= 1
    assert welch(other, one) == pytest.approx(p)
    assert welch(one, one) == 1


def test_without_any_spread_every_difference_counts():
    assert welch(Sample(0.5, 0, 3), Sample(0.5, 0, 3)) == 1
    assert welch(Sample(0.5, 0, 3), Sample(0.500001, 0, 3)) == 0


@given(st.lists(SAMPLES, min_size=1, max_size=5, unique=True))
def test_a_table_is_identical_to_itself(samples):
    lines = [line(str(i), str(s.mean), str(s.sd), " ".join(map(str, range(s.seeds)))) for i, s in enumerate(samples)]
    assert set(statuses(lines, lines).values()) == {"identical"}


def test_a_small_difference_is_noise_and_a_large_one_is_not():
    ours = [line("near", "0.50", "0.02"), line("far", "0.50", "0.02"), line("same")]
    theirs = [line("near", "0.52", "0.03"), line("far", "0.90", "0.02"), line("same")]
    assert statuses(ours, theirs) == {"near": "within seed noise", "far": "different", "same": "identical"}


def test_a_single_seed_leaves_the_noise_unknown():
    ours = [line("moved", sd="", seeds="0"), line("same", sd="", seeds="0")]
    theirs = [line("moved", mean="0.9"), line("same", sd="", seeds="0")]
    assert statuses(ours, theirs) == {"moved": "noise unknown", "same": "identical"}


def test_cells_on_one_side_alone_are_named():
    ours = [line("both"), line("gone"), line("measured"), line("empty", "", "", "")]
    theirs = [line("both"), line("new"), line("measured", "", "", ""), line("empty", "", "", "")]
    assert statuses(ours, theirs) == {
        "both": "identical",
        "gone": "here only",
        "measured": "here only",
        "new": "there only",
    }
    assert [(cell.table, cell.status) for cell in compare_tables({"t": ours}, {"u": theirs})] == [
        ("t", "here only"),
        ("u", "there only"),
    ]


def test_p_values_are_adjusted_for_all_distinct_tests():
    """One cell that would pass for different alone does not among many; a run that shows up twice counts once."""
    cells = {str(i): line(str(i), f"{0.5 + i / 1000}", "0.02") for i in range(20)}
    moved = {**cells, **{name: line(name, f"{float(c['mean']) + 0.01:.3f}", "0.02") for name, c in cells.items()}}
    moved["0"] = line("0", "0.56", "0.02")
    alone = compare_tables({"t": [cells["0"]]}, {"t": [moved["0"]]})[0]
    assert alone.status == "different"
    assert alone.p == alone.p_holm < 0.05
    twice = compare_tables({"t": [cells["0"]], "u": [cells["0"]]}, {"t": [moved["0"]], "u": [moved["0"]]})
    assert [cell.p_holm for cell in twice] == [alone.p] * 2
    among = compare_tables({"t": list(cells.values())}, {"t": list(moved.values())})[0]
    assert among.status == "within seed noise"
    assert among.p_holm == pytest.approx(20 * alone.p)


def test_where_nothing_but_seeds_differs_a_rebuild_is_rarely_called_different():
    rng, false, n = np.random.default_rng(0), 0, 200

    def draw() -> list[dict[str, str]]:
        kappas = 0.7 + 0.05 * rng.standard_normal((30, 3))
        return [line(str(i), f"{k.mean():.6f}", f"{k.std(ddof=1):.6f}") for i, k in enumerate(kappas)]

    for _ in range(n):
        false += "different" in statuses(draw(), draw()).values()
    # 5 in 100 are allowed for; four standard errors more are not chance.
    assert false / n < 0.05 + 4 * math.sqrt(0.05 * 0.95 / n)


def test_counts_differ_and_what_runs_gave_without_a_spread_is_left_open():
    def row(**fields):
        return {"row": "x", "macs": "10", "images_to_90": "5", "best": "0.5", "best_sd": "0.1", "seeds": "0 1"} | fields

    def found(ours, theirs):
        sides = ({"t": [one, {**one, "row": "y"}]} for one in (ours, theirs))
        return {cell.column: cell.status for cell in compare_tables(*sides)}

    assert found(row(), row(images_to_90="6", best="0.52")) == {
        "macs": "identical",
        "images_to_90": "noise unknown",
        "best": "within seed noise",
    }
    # Of a line without runs every number is certain.
    assert found(row(seeds=""), row(seeds="", macs="11"))["macs"] == "different"
    assert found(row(), {name: text for name, text in row().items() if name != "macs"})["macs"] == "here only"


def test_the_only_line_of_a_table_is_its_first_row():
    assert statuses([line()], [line(mean="0.9")]) == {"1": "different"}


def test_lines_that_nothing_tells_apart_are_paired_in_order():
    double = [{"x": "1", "seeds": ""}, {"x": "1", "seeds": ""}]
    assert compare_tables({"t": double}, {"t": double[:1]})[-1].status == "here only"


def as_text(lines) -> str:
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(lines[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return stream.getvalue()


@given(st.integers(0, 4), st.sampled_from(["mean", "sd", "seeds"]), st.text("0123456789", min_size=1))
def test_the_first_cell_that_differs_is_named(place, column, text):
    lines = [line(str(i)) for i in range(5)]
    stored = [{**one, column: text} if i >= place else one for i, one in enumerate(lines)]
    found = first_difference("t.csv", as_text(stored), as_text(lines))
    if text == lines[0][column]:
        assert found is None
    else:
        assert found == Difference("t.csv", str(place), column, text, lines[0][column])
        assert str(found) == f"t.csv, row {place}, column {column}: stored {text!r}, recomputed {lines[0][column]!r}"


def test_a_line_too_many_or_another_line_end_is_a_difference():
    lines = [line("a"), line("b")]
    assert first_difference("t", as_text(lines[:1]), as_text(lines)) == Difference("t", "b", "table", "", "t")
    crlf = first_difference("t", as_text(lines).replace("\n", "\r\n"), as_text(lines))
    assert crlf.row == "1"
    assert crlf.stored.endswith("\r\n")
    assert first_line("t.md", "a\nb\n", "a\nc\n") == Difference("t.md", "2", "", "b\n", "c\n")
