from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pandas as pd
import pytest

from benchmark.report.costs import chain, curve, targets
from benchmark.report.inputs import Inputs
from benchmark.report.render import to_markdown
from benchmark.report.tables import cost, cost_time
from benchmark.runs.run import RECORDS
from tests.factories.runs import ARMS, ROOT, named_tables, records

LARGE = {
    "basenet_mt": ARMS["basenet_mt"],
    "m2cnn": ARMS["m2cnn"],
    "controls": {"same_images": ARMS["controls"]["same_images"]},
}


@pytest.fixture
def large(read):
    return read(arms=LARGE)


def line(table, arm: str) -> dict[str, str]:
    return next(r for r in records(table) if f"{r['method']}/{r['arm']}" == arm)


def test_a_chain_starts_with_what_was_trained_first(large):
    links = chain(large.results, ("m2cnn", "large"))
    assert [link.arm for link in links] == [("basenet_mt", "small"), ("m2cnn", "mid"), ("m2cnn", "large")]
    assert [link.n_cells for link in links] == [0, 1, 2]


def test_a_chain_with_a_gap_is_empty(read):
    made = read(arms=LARGE, seeds=[0], skip={("m2cnn", "mid", 0), ("controls", "same_images", 0)}).results
    assert chain(made, ("m2cnn", "large")) == chain(made, ("m2cnn", "mid")) == []


def test_a_curve_goes_on_from_what_the_chain_has_spent(large):
    made = large.results
    points = curve(made, chain(made, ("m2cnn", "large")))
    assert list(points["images"]) == [560, 640, 720]
    before = 3 * 80 * (40**2 + 80**2)
    assert list(points["macs"]) == [before + epochs * 80 * 128**2 for epochs in (1, 2, 3)]
    history = [pd.read_csv(f"runs/m2cnn/large/{seed}/history.csv")["val_kappa_score"] for seed in (0, 1, 2)]
    assert list(points["kappa"]) == pytest.approx(list(sum(history) / 3))


def test_the_main_head_of_a_classifier_is_prob(read):
    made = read(arms={"basenet": {"ce_small": ARMS["basenet"]["ce_small"]}}, seeds=[0]).results
    (own,) = chain(made, ("basenet", "ce_small"))
    assert own.head == "prob"
    assert (curve(made, [own])["kappa"] > 0).all()


def test_targets_are_shares_of_the_best_kappa_at_a_size(large):
    made = large.results
    highest = curve(made, chain(made, ("controls", "same_images")))["kappa"].max()
    assert targets(made)["large"] == {0.9: pytest.approx(0.9 * highest), 0.95: pytest.approx(0.95 * highest)}


def test_the_table_has_own_and_chained_costs_and_those_to_a_kappa(large):
    table = cost.make(large)
    ours, longer = line(table, "m2cnn/large"), line(table, "controls/same_images")
    assert (ours["images"], ours["images_chain"]) == ("240", "720")
    assert ours["macs_chain"] == str(240 * (40**2 + 80**2 + 128**2))
    assert (ours["images_to_95"], ours["macs_to_95"]) == ("", "")
    assert 240 < int(longer["images_to_90"]) < int(longer["images_to_95"]) <= 720
    assert float(longer["kappa_95"]) <= float(longer["best_kappa"])
    shown = {row.label: [cell.text for cell in row.cells] for row in table.rows}
    assert shown["m2cnn/large"][-2:] == ["not reached", "not reached"]


def test_the_claimed_acceleration_is_a_row_of_ratios(read):
    table = cost.make(read(arms={stage: ARMS[stage] for stage in ("basenet_mt", "m2cnn")}))
    ours, base = line(table, "m2cnn/large"), line(table, "basenet_mt/large")
    ratio = next(r for r in records(table) if r["row"] == "m2cnn/large / basenet_mt/large")
    for name in ("parameters", "images_chain", "macs_chain"):
        assert float(ratio[name]) == pytest.approx(int(ours[name]) / int(base[name]), abs=1e-6)
    # With made-up curves BaseNet+MT never reaches what M2CNN does, so there is nothing to divide by.
    assert base["macs_to_95"] == ratio["macs_to_95"] == ""
    shown = next(row for row in table.rows if row.label == ratio["row"])
    assert shown.cells[-1].text == "only m2cnn/large"


def test_the_papers_networks_are_counted(large):
    counted = [r for r in records(cost.make(large)) if r["status"] == "counted"]
    assert [(r["pixels"], r["n_cells"]) for r in counted] == [
        ("224", "0"),
        ("448", "0"),
        ("448", "1"),
        ("720", "0"),
        ("720", "2"),
    ]
    assert all(int(r["parameters"]) and int(r["macs_per_image"]) and not r["images"] for r in counted)


def test_timings_are_means_over_seeds_and_stand_apart(large):
    made = {"cost": cost.make(large), "cost_time": cost_time.make(large)}
    ours = line(made["cost_time"], "m2cnn/large")
    # A made-up run takes its epochs times pixels, and its seed.
    assert float(ours["seconds"]) == 3 * 128 + 1
    assert float(ours["seconds_chain"]) == 3 * (40 + 80 + 128) + 3
    assert float(ours["images_per_second"]) == 101
    assert (ours["devices"], ours["threads"], ours["seeds"]) == ("cpu (2 cores)", "2", "0 1 2")
    assert not any("second" in key or "memory" in key for r in records(made["cost"]) for key in r)
    assert "made" not in str(records(made["cost_time"])), "the host is nobody's business"


def test_without_records_only_the_timings_are_missing(change):
    inputs = change(arms=LARGE)
    before = named_tables(inputs)
    shutil.rmtree(RECORDS)
    after = named_tables(Inputs(inputs.params))
    assert {name for name in before if to_markdown(before[name]) != to_markdown(after[name])} == {"cost_time"}
    assert all(cell.text == "not recorded" for row in after["cost_time"].rows for cell in row.cells)


def test_an_arm_that_did_not_run_has_no_costs(read):
    inputs = read(arms=LARGE, seeds=[0], skip={("m2cnn", "mid", 0), ("controls", "same_images", 0)})
    for table in (cost, cost_time):
        row = next(row for row in table.make(inputs).rows if row.label == "controls/same_images")
        assert {cell.text for cell in row.cells} == {"not run"}


def test_making_the_tables_needs_no_torch(large):
    code = """
import sys
from benchmark.report.inputs import Inputs
from benchmark.report.tables.registry import make_tables
from tests.factories.runs import make_params
from tests.report.test_cost import LARGE
make_tables(Inputs(make_params(arms=LARGE)))
sys.exit("torch" in sys.modules)
"""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    assert subprocess.run([sys.executable, "-c", code], check=False, env=environment).returncode == 0
