"""Planned comparisons of arms: complete, adjusted together and stored."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
import pytest

from benchmark.common.csv_rows import read_rows, rows_to_csv, write_rows
from benchmark.common.errors import InputError
from benchmark.common.files import write_text
from benchmark.runs.predictions import patients_in_words
from benchmark.statistics import multiverse, planned
from benchmark.statistics.comparison import compare
from benchmark.statistics.estimates import ESTIMATES, Estimate, read_estimates, select, write_estimates
from benchmark.statistics.graded_runs import read_graded_runs
from benchmark.statistics.planned import PAIRS, read_pairs
from tests.factories.paths import ROOT
from tests.factories.runs import make_all, make_params, make_run
from tests.settings.test_params import composed

ARMS = {
    "basenet": {"mse_small": {"loss": "mse", "size": "small"}, "ce_small": {"loss": "ce", "size": "small"}},
    "basenet_mt": {size: {"loss": "ce_mse", "size": size} for size in ("small", "mid")},
    "m2cnn": {"mid": {"loss": "ce_mse", "size": "mid", "n_cells": 1, "from": "basenet_mt/small"}},
}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(multiverse, "N_RESAMPLES", 200)
    write_text(PAIRS, (ROOT / PAIRS).read_text())
    return tmp_path


def compared(params) -> list[Estimate]:
    write_estimates(planned.comparisons(read_graded_runs(params)))
    return select(read_estimates(), kind="comparison")


def test_declared_pairs_are_compared_on_shared_heads():
    params = make_params(arms=ARMS)
    make_all(params)
    rows = compared(params)
    sides = [(f"{row.method}/{row.arm}", row.versus.removesuffix(f" {row.head}")) for row in rows]
    assert [(row.about, *pair, row.head, row.split) for row, pair in zip(rows, sides, strict=True)] == [
        ("multi-task against MSE", "basenet_mt/small", "basenet/mse_small", "score", "val"),
        ("multi-task against MSE", "basenet_mt/small", "basenet/mse_small", "score", "test"),
        ("multi-task against CE", "basenet_mt/small", "basenet/ce_small", "prob", "val"),
        ("multi-task against CE", "basenet_mt/small", "basenet/ce_small", "prob", "test"),
        *(
            ("M2CNN against multi-task", "m2cnn/mid", "basenet_mt/mid", head, split)
            for head in ("score", "prob")
            for split in ("val", "test")
        ),
    ]
    grades = read_graded_runs(params).grades
    expected = compare(
        grades[("m2cnn", "mid"), "score", "test"],
        grades[("basenet_mt", "mid"), "score", "test"],
        n_resamples=200,
    )
    row = rows[5]
    assert row.estimate == pytest.approx(expected.difference.estimate, abs=1e-6)
    assert (row.low, row.high) == pytest.approx((expected.difference.low, expected.difference.high), abs=1e-6)


def test_each_comparison_has_a_difference_of_rank_correlations():
    params = make_params(arms=ARMS)
    make_all(params)
    rows = planned.comparisons(read_graded_runs(params))
    ranks = select(rows, kind="rank correlation")
    assert [(row.method, row.arm, row.versus, row.head, row.split) for row in ranks] == [
        (row.method, row.arm, row.versus, row.head, row.split) for row in select(rows, kind="comparison")
    ]
    assert all(row.low < row.estimate < row.high for row in ranks)


def test_a_difference_from_an_arm_that_never_learned_has_no_value(monkeypatch):
    params = make_params(arms=ARMS)
    make_all(params)
    runs = read_graded_runs(params)
    key = ("basenet", "mse_small"), "score", "test"
    reading = runs.readings[key]
    constant = {name: replace(one, predicted=0 * one.predicted) for name, one in reading.by_rule.items()}
    runs.readings[key] = replace(reading, by_rule=constant)
    rows = [row for row in planned.comparisons(runs) if row.versus == "basenet/mse_small score" and row.split == "test"]
    assert [(row.kind, row.failed_versus) for row in rows] == [("comparison", 3), ("rank correlation", 0)]
    assert np.isnan([(row.estimate, row.low, row.high) for row in rows]).all()


def test_one_seed_gives_an_interval_over_patients():
    params = make_params(seeds=[4], arms=ARMS)
    make_all(params)
    rows = compared(params)
    assert {(row.resampled, row.seeds) for row in rows} == {("patients alone", "4")}


def test_arms_with_different_seeds_are_compared_on_those_that_they_share():
    params = make_params(arms=ARMS)
    make_all(params, skip={("m2cnn", "mid", 1)})
    rows = compared(params)
    assert {row.seeds for row in rows if row.method == "m2cnn"} == {"0 2"}


def test_unknown_patients_are_reported_as_unknown():
    params = make_params(seeds=[0], arms=ARMS)
    for stage, arms in ARMS.items():
        for name in arms:
            make_run(params, stage, name, 0, patients=False)
    assert {row.n_patients for row in compared(params)} == {"unknown: each image its own cluster"}
    some = patients_in_words(np.array(["a", "a", "b", "", ""]))
    assert some == "4, with 2 images of unknown patients as their own clusters"


def test_equal_predictions_give_equal_files():
    params = make_params(arms=ARMS)
    make_all(params)
    compared(params)
    before = ESTIMATES.read_bytes()
    compared(params)
    assert ESTIMATES.read_bytes() == before
    assert b"\r" not in before


def test_comparisons_without_a_run_are_refused():
    with pytest.raises(InputError, match="need a finished run"):
        read_graded_runs(make_params(arms=ARMS))


def test_every_declared_pair_exists_in_the_whole_experiment():
    arms = composed("scale=paper")["arms"]
    for pair in read_pairs(ROOT / PAIRS):
        for stage, _, name in (pair.first.partition("/"), pair.second.partition("/")):
            assert name in arms[stage]


@dataclass(frozen=True)
class Sample:
    text: str
    count: int
    value: float
    yes: bool


def test_estimates_survive_writing_and_reading(tmp_path):
    rows = [Sample("NA", 0, 1.25, True), Sample("", 3, float("-inf"), False), Sample("a,b", -1, -1e-9, True)]
    path = tmp_path / "rows.csv"
    write_rows(path, Sample, rows)
    assert path.read_bytes() == b'text,count,value,yes\nNA,0,1.250000,True\n,3,-inf,False\n"a,b",-1,0.000000,True\n'
    assert read_rows(path, Sample, "-") == [rows[0], rows[1], Sample("a,b", -1, 0.0, True)]
    write_rows(path, Sample, [Sample("x", 1, float("nan"), False)])
    assert np.isnan(read_rows(path, Sample, "-")[0].value)
    assert rows_to_csv(Sample, []) == ",".join(field.name for field in fields(Sample)) + "\n"


def test_an_invalid_or_missing_estimates_file_is_refused(tmp_path):
    path = tmp_path / "rows.csv"
    with pytest.raises(InputError, match="must exist, but does not yet: run `fundusbench x`"):
        read_rows(path, Sample, "fundusbench x")
    path.write_text("text,count\na,1\n")
    with pytest.raises(InputError, match="must have the columns text, count, value, yes"):
        read_rows(path, Sample, "fundusbench x")
