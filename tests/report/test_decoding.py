"""The table of decision rules: its arms, its marks, and the sentence derived from its csv."""

from __future__ import annotations

import re
from dataclasses import replace
from statistics import median

import pytest

from benchmark.report.render import to_markdown
from benchmark.report.table import Number
from benchmark.report.tables import decoding
from benchmark.runs.predictions import read_predictions, write_predictions
from tests.factories.runs import ARMS, make_params, make_run, records, reseal, tables


@pytest.fixture
def table(read):
    return decoding.make(read(arms={stage: ARMS[stage] for stage in ("basenet", "basenet_mt")}))


def cell(table, label: str, group: str, place: int) -> Number:
    return next(row.cells[place] for row in table.rows if (row.group, row.label) == (group, label))


def test_it_shows_the_papers_arms_at_the_largest_input_and_the_csv_all(table):
    assert [group for group, _ in table.groups()] == [
        "basenet/mse_large",
        "basenet/ce_large",
        "basenet_mt/large",
        "without looking at the image",
        "without looking at the retina",
        "the paper's effects, as printed",
    ]
    lines = records(table)
    arms = {(line["method"], line["arm"]) for line in lines if line["kind"] == "rule"}
    assert arms == {(stage, arm) for stage in ("basenet", "basenet_mt") for arm in ARMS[stage]}
    # 3 rules per head and split; one spread.
    assert sum(line["kind"] == "rule" for line in lines) == 3 * sum(line["kind"] == "rule range" for line in lines)


def test_where_no_large_arm_ran_it_shows_the_next_size(read):
    inputs = read(seeds=[0], arms={"basenet_mt": {"mid": ARMS["basenet_mt"]["mid"]}})
    assert decoding.make(inputs).groups()[0][0] == "basenet_mt/mid"


def test_cells_tuned_on_their_own_split_are_marked_and_no_others(table):
    (marked,) = [i for i, note in enumerate(table.notes, 1) if "tuned on this very split" in note]
    tuned = {
        (row.group, row.label, place) for row in table.rows for place in (0, 1) if marked in row.cells[place].notes
    }
    assert tuned == {(row.group, row.label, 0) for row in table.rows if "thresholds tuned on val" in row.label}
    for line in records(table):
        assert line["tuned_on"] == ("val" if line["rule"] in ("tuned", "expected_tuned", "majority", "prior") else "")


def test_the_sentence_on_the_papers_effects_follows_from_the_csv(table):
    lines = records(table)
    moved = [float(line["estimate"]) for line in lines if line["kind"] == "rule range" and line["split"] == "test"]
    effects = [float(line["estimate"]) for line in lines if line["kind"] == "published"]
    fewer = sum(abs(effect) < median(moved) for effect in effects)
    assert (
        f"by {min(moved):.3f} to {max(moved):.3f} (median {median(moved):.3f}, over the {len(moved)}" in table.caption
    )
    assert f"{fewer} of the paper's {len(effects)} effects" in table.caption


def test_the_papers_effects_stand_under_their_split(table):
    effects = "the paper's effects, as printed"
    assert cell(table, "720x720: Multi-Task scores > MSE scores", effects, 0).text == "+0.006"
    assert cell(table, "720x720: Multi-Task scores > MSE scores", effects, 1).text == "-"
    assert cell(table, "test set: BaseNet+MT > BaseNet", effects, 1).text == "+0.010"
    assert not any("scores > Multi-Task prob" in row.label or "720x720 > 448x448" in row.label for row in table.rows)


def test_a_cell_has_mean_sd_and_interval(table):
    line = next(
        line
        for line in records(table)
        if (line["arm"], line["head"], line["rule"], line["split"]) == ("large", "prob", "expected", "test")
    )
    value, sd, low, high = (float(line[name]) for name in ("estimate", "sd", "low", "high"))
    shown = cell(table, "prob.: nearest to the expected grade", "basenet_mt/large", 1).text
    assert shown == f"{value:.3f} ± {sd:.3f} [{low:.3f}, {high:.3f}]"
    assert (line["n_images"], line["n_patients"], line["seeds"], line["resampled"]) == (
        "100",
        "50",
        "0 1 2",
        "seeds and patients",
    )


def test_one_seed_has_no_sd_but_the_random_draws_have(read):
    table = decoding.make(read(seeds=[0], arms={"basenet": {"mse_mid": ARMS["basenet"]["mse_mid"]}}))
    spreads = [row.label for row in table.rows if any("±" in cell.text for cell in row.cells)]
    assert spreads == ["random grades, as frequent as on val"]


def test_without_patients_the_fellow_eye_does_not_apply():
    params = make_params(seeds=[0], arms={"basenet": {"mse_mid": ARMS["basenet"]["mse_mid"]}})
    make_run(params, "basenet", "mse_mid", 0, patients=False)
    text = to_markdown(tables(params)["decoding"])
    assert re.search(r"\| the label of the fellow eye \| not applicable: no image has a known fellow \| not app", text)


def test_an_undefined_kappa_is_said_to_be_so():
    params = make_params(seeds=[0], arms={"basenet": {"mse_mid": ARMS["basenet"]["mse_mid"]}})
    folder = make_run(params, "basenet", "mse_mid", 0)
    for split in ("val", "test"):
        given = read_predictions(folder / f"{split}.csv")
        write_predictions(replace(given, grade=given.grade * 0, score=given.score * 0), folder / f"{split}.csv")
    reseal(folder)
    table = tables(params)["decoding"]
    assert cell(table, "scores: nearest grade", "basenet/mse_mid", 1).text == "undefined"
    assert cell(table, "scores: highest minus lowest", "basenet/mse_mid", 1).text == "undefined"
    assert not any("nan" in line.values() for line in records(table))
    assert "the rule alone changes" not in table.caption
