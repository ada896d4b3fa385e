"""Cells of two versions of a table: found again, held apart by the spread of seeds alone, and never guessed at."""

from __future__ import annotations

import csv
import io
import math
import re
from contextlib import chdir

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t, ttest_ind

from benchmark.common.errors import InputError
from benchmark.report.inputs import Inputs
from benchmark.report.named_arms import RUN_COLUMNS
from benchmark.report.render import table_to_csv
from benchmark.report.tables.registry import TABLE_INFOS, TableInfo
from benchmark.report.verification.seed_noise import FAULTS, Sample, compare_tables, welch
from benchmark.report.verification.table_diff import Difference, first_difference, first_line, keys_of, read_lines
from tests.factories.runs import named_tables
from tests.report.test_report import PATCHY

MEANS = st.floats(-1, 1).map(lambda value: round(value, 6))
SDS = st.floats(0, 0.5).map(lambda value: round(value, 6))
SAMPLES = st.builds(Sample, MEANS, SDS, st.integers(2, 10))
DIFFERENCES = ("comparisons", "systems", "verdicts")
"""Tables whose estimates are differences between arms, which vary more over seeds than kappas."""
NAMES = [name for name in TABLE_INFOS if name not in ("dataset_authors", "groups")]


@pytest.fixture(autouse=True)
def _a_table_of_the_tests_own(monkeypatch):
    for name in ("t", "u"):
        monkeypatch.setitem(TABLE_INFOS, name, TableInfo(keys=("arm",)))


@pytest.fixture(scope="module")
def lines_of(finished) -> dict[str, list[dict[str, str]]]:
    """The csv of every table of a finished project."""
    folder, params = finished(**PATCHY)
    with chdir(folder):
        return {name: read_lines(table_to_csv(table)) for name, table in named_tables(Inputs(params)).items()}


def line(arm="a", mean="0.5", sd="0.01", seeds="0 1 2", **others) -> dict[str, str]:
    return {"table": "t", "arm": arm, "estimate": mean, "sd": sd, "seeds": seeds, **others}


def statuses(ours, theirs) -> dict[str, str]:
    return {cell.row: cell.status for cell in compare_tables({"t": ours}, {"t": theirs})}


@pytest.mark.parametrize("name", NAMES)
def test_each_table_declares_keys_that_tell_its_lines_apart(name, lines_of):
    """And none of them is a number that was measured: then every line would be on one side alone."""
    lines = lines_of[name]
    assert len({tuple(one[key] for key in keys_of(name)) for one in lines}) == len(lines)
    assert not any(re.fullmatch(r"[+-]?\d+\.\d+", one[key]) for one in lines for key in keys_of(name))
    assert not set(keys_of(name)) & {"estimate", "sd", *RUN_COLUMNS}


def test_a_table_without_keys_is_refused():
    with pytest.raises(InputError, match="each table must declare its key columns, but other does not"):
        compare_tables({"other": [line()]}, {"other": [line()]})


@pytest.mark.parametrize("name", NAMES)
def test_a_table_is_identical_to_itself_in_any_order(name, lines_of):
    lines = lines_of[name]
    assert {cell.status for cell in compare_tables({name: lines}, {name: lines[::-1]})} == {"identical"}


def moved(lines, by, columns=("estimate",)):
    """Every measured number shifted."""
    return [
        {name: f"{float(text) + by:.6f}" if name in columns and text and one.get("seeds") else text
         for name, text in one.items()}
        for one in lines
    ]  # fmt: skip


@pytest.mark.parametrize(("by", "share"), [(0.3, 0.8), (-0.2, 0.7)])
def test_numbers_that_all_moved_are_called_different(by, share, lines_of):
    """Most shifted kappas differ clearly from three seeds' noise; the others are bounded by a larger difference."""
    there = {name: moved(lines, by) for name, lines in lines_of.items()}
    cells = [cell for cell in compare_tables(lines_of, there) if cell.column == "estimate" and cell.gap]
    cells = [cell for cell in cells if cell.table not in DIFFERENCES]
    assert len(cells) > 300
    assert {cell.table for cell in cells} >= {"ablation", "components", "decoding", "metrics"}
    assert sum(cell.status == "different" for cell in cells) > share * len(cells)
    assert all(cell.below > abs(by) - 1e-9 for cell in cells if cell.status == "cannot tell")


@given(st.lists(st.lists(MEANS, min_size=2, max_size=6), min_size=2, max_size=2))
def test_welch_agrees_with_scipy_on_the_seeds_themselves(sides):
    samples = [Sample(float(np.mean(side)), float(np.std(side, ddof=1)), len(side)) for side in sides]
    if all(sample.sd > 1e-4 for sample in samples):
        expected = ttest_ind(*sides, equal_var=False).pvalue
        assert welch(*samples).p == pytest.approx(expected, abs=1e-6)


@given(SAMPLES, SAMPLES)
def test_welch_is_symmetric_and_a_probability(one, other):
    p = welch(one, other).p
    assert 0 <= p <= 1
    assert welch(other, one).p == pytest.approx(p)
    assert welch(one, one).p == 1


@given(SAMPLES, SAMPLES, st.floats(0.001, 0.5))
def test_the_detectable_difference_has_the_given_p(one, other, p):
    gap = welch(one, other)
    if gap.se > 1e-6:
        shifted = one._replace(mean=other.mean + gap.detectable(p))
        assert welch(shifted, other).p == pytest.approx(p, rel=1e-6)


def test_without_any_spread_every_difference_counts():
    assert welch(Sample(0.5, 0, 3), Sample(0.5, 0, 3)).p == 1
    assert welch(Sample(0.5, 0, 3), Sample(0.500001, 0, 3)).p == 0


def test_a_small_difference_cannot_be_told_and_a_large_one_is_one():
    ours = [line("near", "0.50", "0.02"), line("far", "0.50", "0.02"), line("same")]
    theirs = [line("near", "0.52", "0.03"), line("far", "0.90", "0.02"), line("same")]
    cells = compare_tables({"t": ours}, {"t": theirs})
    assert {cell.row: cell.status for cell in cells} == {"near": "cannot tell", "far": "different", "same": "identical"}
    assert 0.02 < cells[0].below < 0.1


def test_a_single_seed_leaves_the_noise_unknown():
    ours = [line("moved", sd="", seeds="0"), line("same", sd="", seeds="0")]
    theirs = [line("moved", mean="0.9"), line("same", sd="", seeds="0")]
    assert statuses(ours, theirs) == {"moved": "noise unknown", "same": "identical"}


def test_cells_on_one_side_alone_are_named():
    ours = [line("both"), line("gone"), line("measured"), line("empty", "", "", "")]
    theirs = [line("both"), line("new"), line("measured", "", "", ""), line("empty", "", "", "")]
    found = statuses(ours, theirs)
    assert {row: found[row] for row in ("both", "gone", "measured", "new")} == {
        "both": "identical",
        "gone": "here only",
        "measured": "here only",
        "new": "there only",
    }
    assert [(cell.table, cell.status) for cell in compare_tables({"t": ours}, {"u": theirs})] == [
        ("t", "here only"),
        ("u", "there only"),
    ]
    assert compare_tables({"t": []}, {"t": []}) == []


def test_a_line_that_is_there_twice_on_one_side_is_on_one_side_alone():
    assert statuses([line(), line()], [line()])["a | 2"] == "here only"


def test_p_values_are_adjusted_for_all_distinct_tests():
    """One cell that would pass for different alone does not among many; a run that shows up twice counts once."""
    cells = {str(i): line(str(i), f"{0.5 + i / 1000}", "0.02") for i in range(20)}
    there = {**cells, **{name: line(name, f"{float(c['estimate']) + 0.01:.3f}", "0.02") for name, c in cells.items()}}
    there["0"] = line("0", "0.56", "0.02")
    (alone,) = (c for c in compare_tables({"t": [cells["0"]]}, {"t": [there["0"]]}) if c.column == "estimate")
    assert alone.status == "different"
    assert alone.gap.p == alone.p_adjusted < 0.05
    twice = compare_tables({"t": [cells["0"]], "u": [cells["0"]]}, {"t": [there["0"]], "u": [there["0"]]})
    assert [cell.p_adjusted for cell in twice if cell.gap] == [alone.gap.p] * 2
    among = next(c for c in compare_tables({"t": list(cells.values())}, {"t": list(there.values())}) if c.row == "0")
    assert among.status == "cannot tell"
    assert among.p_adjusted == pytest.approx(20 * alone.gap.p)
    assert among.below > 0.06


@pytest.mark.slow
def test_where_nothing_but_seeds_differs_a_rebuild_is_rarely_called_different():
    """Also where cells hang together, as metrics of one run do."""
    rng, false, n = np.random.default_rng(0), 0, 200

    def draw() -> list[dict[str, str]]:
        runs = 0.7 + 0.05 * rng.standard_normal((10, 3)).repeat(3, axis=0)
        kappas = runs + 0.02 * rng.standard_normal((30, 3))
        return [line(str(i), f"{k.mean():.6f}", f"{k.std(ddof=1):.6f}") for i, k in enumerate(kappas)]

    for _ in range(n):
        false += "different" in statuses(draw(), draw()).values()
    # 5 in 100 are allowed for; four standard errors more are not chance.
    assert false / n < 0.05 + 4 * math.sqrt(0.05 * 0.95 / n)


def trained(rng, collapses: float) -> list[dict[str, str]]:
    """Return kappa and accuracy of twelve arms, three seeds each, of which a share never learns."""
    found = []
    for arm in map(str, range(12)):
        kappas = np.where(rng.random(3) < collapses, 0.002, 0.6) * (1 + 0.04 * rng.standard_normal(3))
        for metric, values in (("kappa", kappas), ("accuracy", 0.4 + kappas / 2)):
            mean, sd = values.mean(), values.std(ddof=1)
            low = mean - t.ppf(0.975, 2) * sd / 3**0.5 - 0.004
            named = {"method": "m", "arm": arm, "split": "val", "head": "score", "metric": metric, "seeds": "0 1 2"}
            found.append(named | {"estimate": f"{mean:.6f}", "sd": f"{sd:.6f}", "low": f"{low:.6f}"})
    return found


@pytest.mark.parametrize("collapses", [0.0, 0.2, 0.5, 0.8])
def test_where_trainings_collapse_by_chance_a_rebuild_is_rarely_called_different(collapses):
    """Three seeds that all learned, against three that all did not, have no noise that their spread shows."""
    rng, false, n = np.random.default_rng(1), 0, 60
    for _ in range(n):
        found = compare_tables({"metrics": trained(rng, collapses)}, {"metrics": trained(rng, collapses)})
        false += any(cell.status in FAULTS for cell in found)
    assert false / n < 0.05 + 3 * math.sqrt(0.05 * 0.95 / n)


def test_what_an_arm_that_never_learned_lacks_is_no_fault():
    def tables(low, estimate, ranks):
        arm = {"method": "m", "arm": "a"}
        kappa = arm | {"split": "val", "head": "score", "metric": "kappa", "estimate": "0.5", "sd": "0.1", "low": low}
        row = arm | {"kind": "rank", "about": "", "versus": "", "split": "val", "estimate": estimate, "n_analyses": "4"}
        rows = [row | {"rank": str(rank), "seeds": "0 1"} for rank in range(ranks)]
        return {"metrics": [kappa | {"seeds": "0 1"}], "systems": rows}

    there = tables("0.4", "0.25", 3)
    for here, expected in ((tables("-0.1", "", 2), {"noise unknown"}), (tables("0.4", "", 2), {"here only"})):
        found = compare_tables(there, here)
        assert {cell.status for cell in found if cell.table == "systems" and cell.status != "identical"} == expected


def test_counts_differ_and_what_runs_gave_without_a_spread_is_left_open():
    def row(**fields):
        return {"arm": "x", "macs": "10", "images_to_90": "5", "best": "0.5", "best_sd": "0.1", "seeds": "0 1"} | fields

    def found(ours, theirs):
        return {cell.column: cell.status for cell in compare_tables({"t": [ours]}, {"t": [theirs]})}

    assert found(row(), row(images_to_90="6", best="0.52")) == {
        "macs": "identical",
        "images_to_90": "noise unknown",
        "best": "cannot tell",
    }
    assert found(row(), row(images_to_90=""))["images_to_90"] == "noise unknown"
    # A count has no noise, with or without columns of runs.
    assert found(row(), row(macs="11"))["macs"] == "different"
    assert found(row(seeds=""), row(seeds="", macs="11"))["macs"] == "different"
    assert found(row(), row(macs=""))["macs"] == "here only"
    assert found(row(), {name: text for name, text in row().items() if name != "macs"})["macs"] == "here only"


def between(value, low, high, resampled="seeds and patients", seeds="0 1 2"):
    return {"arm": "x", "estimate": value, "low": low, "high": high, "resampled": resampled, "seeds": seeds}


@pytest.mark.parametrize(
    ("there", "status"),
    [
        (between("0.30", "0.25", "0.35"), "different"),
        (between("0.12", "0.07", "0.17"), "cannot tell"),
        (between("0.30", "0.25", "0.35", resampled="patients"), "noise unknown"),
        (between("0.30", "0.25", "0.35", seeds="0"), "noise unknown"),
        (between("0.30", "", ""), "noise unknown"),
    ],
)
def test_a_number_with_an_interval_over_seeds_is_judged_by_the_ends_that_face_each_other(there, status):
    ours = between("0.10", "-0.90", "0.15")
    cell = next(c for c in compare_tables({"t": [ours]}, {"t": [there]}) if c.column == "estimate")
    assert cell.status == status


def as_text(lines) -> str:
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(lines[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return stream.getvalue()


@given(st.integers(0, 4), st.sampled_from(["estimate", "sd", "seeds"]), st.text("0123456789", min_size=1))
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
