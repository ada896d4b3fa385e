from __future__ import annotations

import pytest

from benchmark.report.inputs import Inputs
from benchmark.report.tables import components
from tests.factories.runs import ARMS, make_params, records

MULTI_TASK = {stage: ARMS[stage] for stage in ("basenet_mt", "m2cnn", "controls")}


@pytest.fixture
def table(read):
    return components.make(read(arms=MULTI_TASK, seeds=(0, 1)))


def shown_by(table):
    """Text of the cells, by size and label."""
    lines = [row for row in table.rows if row.group not in table.titles]
    return {(row.group.partition(":")[0], row.label): [cell.text for cell in row.cells] for row in lines}


def test_each_row_says_which_of_the_two_changes_it_has(table):
    shown = shown_by(table)
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


def test_costs_are_summed_over_the_chain(table):
    lines = {(r["size"], r["row"]): r for r in records(table)}
    # Three epochs of 80 images per stage; a made-up image costs its pixels.
    assert lines["large", "M2CNN (both)"]["images"] == str(3 * 3 * 80)
    assert lines["large", "M2CNN (both)"]["macs"] == str(3 * 80 * (40**2 + 80**2 + 128**2))
    assert lines["mid", "smaller sizes first"]["macs"] == str(3 * 80 * (40**2 + 80**2))
    assert lines["large", "extra cells"]["images"] == str(3 * 80)
    assert lines["large", "BaseNet+MT, M2CNN's images"]["images"] == lines["large", "M2CNN (both)"]["images"]


def test_an_arm_that_is_not_declared_or_has_no_run_is_not_run(read):
    arms = MULTI_TASK | {"controls": {name: arm for name, arm in ARMS["controls"].items() if name != "staged_large"}}
    shown = shown_by(components.make(read(arms=arms, seeds=[0], skip={("controls", "same_macs", 0)})))
    for key in (("large", "smaller sizes first"), ("large", "BaseNet+MT, M2CNN's MACs")):
        assert shown[key][3:] == ["not run"] * 6
    assert "not run" not in shown["mid", "smaller sizes first"]


def test_arms_are_found_by_what_they_are_and_not_by_name(read):
    renamed = {"a": ARMS["controls"]["cells_large"], "b": ARMS["controls"]["same_macs"]}
    table = components.make(read(arms=MULTI_TASK | {"controls": renamed}, seeds=[0]))
    found = {r["row"]: r["arm"] for r in records(table) if r["size"] == "large" and r["method"] == "controls"}
    assert found == {"extra cells": "a", "BaseNet+MT, M2CNN's MACs": "b"}


def test_a_match_to_another_arm_does_not_stand_for_a_match_to_m2cnn(read):
    other = ARMS["controls"] | {"same_images": ARMS["controls"]["same_images"] | {"of": "controls/staged_large"}}
    read(arms=MULTI_TASK, seeds=(0, 1))
    table = components.make(Inputs(make_params(arms=MULTI_TASK | {"controls": other}, seeds=(0, 1))))
    assert shown_by(table)["large", "BaseNet+MT, M2CNN's images"][3] == "not run"


def test_heads_that_are_new_and_heads_that_are_carried_over_are_told_apart(table):
    assert {key: cells[2] for key, cells in shown_by(table).items() if key[0] == "large"} == {
        ("large", "BaseNet+MT (neither)"): "new",
        ("large", "smaller sizes first"): "carried",
        ("large", "extra cells"): "new",
        ("large", "M2CNN (both)"): "new",
        ("large", "BaseNet+MT, M2CNN's images"): "new",
        ("large", "BaseNet+MT, M2CNN's MACs"): "new",
    }
    assert "M2CNN's are new at each size" in table.caption


def test_rows_are_held_apart_by_paired_differences_with_intervals(table):
    found = {(row.group.partition(":")[0], row.label): row for row in table.rows if row.group in table.titles}
    assert [label for size, label in found if size == "large"] == [
        "smaller sizes first - BaseNet+MT (neither)",
        "extra cells - BaseNet+MT (neither)",
        "M2CNN (both) - smaller sizes first",
        "M2CNN (both) - extra cells",
        "M2CNN (both) - BaseNet+MT (neither)",
        "M2CNN (both) - BaseNet+MT, M2CNN's images",
        "M2CNN (both) - BaseNet+MT, M2CNN's MACs",
    ]
    row = found["mid", "extra cells - BaseNet+MT (neither)"]
    means = {
        (r["arm"], r["method"]): float(r["estimate"])
        for r in records(table)
        if r["split"] == "test" and r["head"] == "prob"
    }
    difference = means["cells_mid", "controls"] - means["mid", "basenet_mt"]
    assert row.cells[-1].value == pytest.approx(difference, abs=1e-6)
    assert row.cells[-1].interval == f"[{difference - 0.06:+.3f}, {difference + 0.04:+.3f}]"
    assert row.arms == (("controls", "cells_mid"), ("basenet_mt", "mid"))


def test_what_was_not_compared_has_no_difference(read):
    table = components.make(read(arms=MULTI_TASK | {"controls": {}}, seeds=[0]))
    assert {row.label for row in table.rows if row.group in table.titles} == {"M2CNN (both) - BaseNet+MT (neither)"}
