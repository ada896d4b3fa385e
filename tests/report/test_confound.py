from __future__ import annotations

import re

import pytest

from benchmark.common.errors import InputError
from tests.made.runs import ARMS, make_all, make_params, records, tables


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


MULTI_TASK = {stage: ARMS[stage] for stage in ("basenet_mt", "m2cnn", "controls")}


def confound(arms=MULTI_TASK, seeds=(0, 1), skip=()):
    params = make_params(seeds=seeds, arms=arms)
    make_all(params, skip=skip)
    table = tables(params)["confound"]
    shown = {(row.group.partition(":")[0], row.label): [cell.text for cell in row.cells] for row in table.rows}
    return table, shown


def test_each_row_says_which_of_the_two_changes_it_has():
    _, shown = confound()
    changes = {key: (cells[0].partition(" ")[0], cells[1]) for key, cells in shown.items()}
    assert changes == {
        ("mid", "BaseNet+MT (neither)"): ("no", "0"),
        ("mid", "smaller sizes first"): ("yes", "0"),
        ("mid", "extra cells"): ("no", "2"),
        ("mid", "M2CNN (both)"): ("yes", "2"),
        ("large", "BaseNet+MT (neither)"): ("no", "0"),
        ("large", "smaller sizes first"): ("yes", "0"),
        ("large", "extra cells"): ("no", "4"),
        ("large", "M2CNN (both)"): ("yes", "4"),
        ("large", "BaseNet+MT, M2CNN's images"): ("no", "0"),
        ("large", "BaseNet+MT, M2CNN's MACs"): ("no", "0"),
    }
    assert shown["large", "M2CNN (both)"][0] == "yes (40, 80, 128 px)"


def test_costs_are_summed_over_the_chain():
    table, _ = confound()
    lines = {(r["size"], r["row"]): r for r in records(table)}
    # Three epochs of 80 images per stage; a made-up image costs its pixels.
    assert lines["large", "M2CNN (both)"]["images"] == str(3 * 3 * 80)
    assert lines["large", "M2CNN (both)"]["macs"] == str(3 * 80 * (40**2 + 80**2 + 128**2))
    assert lines["mid", "smaller sizes first"]["macs"] == str(3 * 80 * (40**2 + 80**2))
    assert lines["large", "extra cells"]["images"] == str(3 * 80)
    assert lines["large", "BaseNet+MT, M2CNN's images"]["images"] == lines["large", "M2CNN (both)"]["images"]


def test_each_arm_has_both_outputs_on_both_splits():
    table, _ = confound()
    lines = [r for r in records(table) if r["row"] == "M2CNN (both)" and r["size"] == "mid"]
    assert [(r["split"], r["head"]) for r in lines] == [
        ("val", "score"),
        ("val", "prob"),
        ("test", "score"),
        ("test", "prob"),
    ]
    assert all(r["status"] == "measured" and float(r["sd"]) >= 0 and r["seeds"] == "0 1" for r in lines)


def test_an_arm_that_is_not_declared_or_has_no_run_is_not_run():
    arms = MULTI_TASK | {"controls": {name: arm for name, arm in ARMS["controls"].items() if name != "staged_large"}}
    _, shown = confound(arms, seeds=[0], skip={("controls", "same_macs", 0)})
    for key in (("large", "smaller sizes first"), ("large", "BaseNet+MT, M2CNN's MACs")):
        assert shown[key][2:] == ["not run"] * 6
    assert "not run" not in shown["mid", "smaller sizes first"]


def test_arms_are_found_by_what_they_are_and_not_by_name():
    renamed = {"a": ARMS["controls"]["cells_large"], "b": ARMS["controls"]["same_macs"]}
    table, _ = confound(MULTI_TASK | {"controls": renamed}, seeds=[0])
    found = {r["row"]: r["arm"] for r in records(table) if r["size"] == "large" and r["stage"] == "controls"}
    assert found == {"extra cells": "a", "BaseNet+MT, M2CNN's MACs": "b"}


def test_a_match_to_another_arm_does_not_stand_for_a_match_to_m2cnn():
    other = ARMS["controls"] | {"same_images": ARMS["controls"]["same_images"] | {"of": "controls/staged_large"}}
    _, shown = confound(MULTI_TASK | {"controls": other}, seeds=[0])
    assert shown["large", "BaseNet+MT, M2CNN's images"][2] == "not run"


def test_two_arms_for_one_row_are_refused():
    twice = ARMS["controls"] | {"again": ARMS["controls"]["staged_large"]}
    with pytest.raises(InputError, match=re.escape("'smaller sizes first' at size large, but staged_large and again do")):
        confound(MULTI_TASK | {"controls": twice}, seeds=[0])


def test_the_caption_says_how_to_read_it_and_gives_no_verdict():
    table, _ = confound(seeds=[0])
    assert "Read a size by its first four rows" in table.caption
    assert "not verdicts" in table.caption
