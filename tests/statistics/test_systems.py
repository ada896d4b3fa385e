"""Compared systems step by step: their comparisons, separate from those of single-eye arms."""

from __future__ import annotations

import numpy as np
import pytest

from benchmark.statistics import multiverse, planned, ranks, systems
from benchmark.statistics.estimates import select
from benchmark.statistics.graded_runs import GradedRuns, read_graded_runs
from benchmark.statistics.published.tables import PUBLISHED, load_published
from models.systems.registry import SYSTEMS
from tests.factories.paths import ROOT
from tests.factories.runs import ARMS, make_all, make_params

PUBLISHED_TABLES = load_published(ROOT / PUBLISHED)
PRINTED, ADDED = PUBLISHED_TABLES["comparison"], PUBLISHED_TABLES["added"]
DECLARED = {
    "basenet": {name: ARMS["basenet"][name] for name in ("mse_large", "ce_large")},
    "basenet_mt": ARMS["basenet_mt"],
}
DECLARED["m2cnn"] = ARMS["m2cnn"]
OURS = "m2cnn/large score"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Runs of the paper's arms with three seeds and of each system with two."""
    params = make_params(arms=DECLARED, systems=tuple(SYSTEMS))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("made"))
        patch.setattr(systems, "N_RESAMPLES", 200)
        patch.setattr(multiverse, "N_RESAMPLES", 200)
        make_all(params)
        decoded = read_graded_runs(params)
        yield params, decoded, systems.system_comparisons(params, decoded, PRINTED)


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_step_every_control_and_the_papers_method_are_compared_on_both_splits(made, name):
    rows = select(made[2], kind="system comparison")
    own = [f"{arm} {head}" for (arm, head) in systems.steps(name)]
    controls = [f"{arm} {head}" for (arm, head) in systems.controls(name)]
    steps = list(zip(own[1:], own, strict=False))
    expected = [*steps, *((own[-1], control) for control in controls), (OURS, own[-1]), (OURS, own[0])]
    # M-Net+A-Net is a row of the paper's comparison, and a step of Zoom-in-Net here.
    expected += [(OURS, side) for side in own[1:-1] if name == "zoom_in_net"]
    sides = {id(row): (f"{row.method}/{row.arm} {row.head}", row.versus) for row in rows}
    ours = [row for row in rows if any(name in side for side in sides[id(row)])]
    assert [(*sides[id(row)], row.split) for row in ours] == [
        (*pair, split) for pair in expected for split in ("val", "test")
    ]
    for row in ours:
        # Systems have tuned thresholds, and so has what they are compared with.
        a, b = (_kappa(made[1], side, row.split, "tuned") for side in sides[id(row)])
        assert row.estimate == pytest.approx(a - b)
        assert (row.rule, row.tuned_on, row.seeds) == ("tuned", "val", "0 1")


def _kappa(runs, side, split, rule):
    path, head = side.split()
    return np.mean(runs.readings[tuple(path.split("/")), head, split].by_rule[rule].of_seeds([0, 1]).kappas)


def test_systems_do_not_change_the_estimates_of_the_papers_arms(made):
    params, decoded, _ = made
    alone = GradedRuns(
        {arm: runs for arm, runs in decoded.runs.items() if arm.method in params.arms},
        {key: grades for key, grades in decoded.grades.items() if key[0].method in params.arms},
        {key: outputs for key, outputs in decoded.outputs.items() if key[0].method in params.arms},
        {key: reading for key, reading in decoded.readings.items() if key[0].method in params.arms},
    )
    assert planned.comparisons(decoded) == planned.comparisons(alone)
    assert list(ranks.rank_estimates(decoded, 50)) == list(ranks.rank_estimates(alone, 50))


def test_systems_that_read_both_eyes_are_ranked_only_under_a_title_that_says_so(made, monkeypatch):
    params, decoded, _ = made
    monkeypatch.setattr(systems, "N_RESAMPLES", 200)
    rows = list(systems.system_ranks(params, decoded, PRINTED, ADDED))
    fields = dict.fromkeys(row.about for row in rows)
    whole, single, whole_and_more, single_and_more = fields
    last = {name: list(entry.steps.values())[len(systems.steps(name)) - 1] for name, entry in SYSTEMS.items()}
    both = [
        SYSTEMS[name] for name in params.systems if last[name].eyes == "both" and SYSTEMS[name].title in PRINTED.rows
    ]
    assert whole == f"whole systems, of which {', '.join(entry.title for entry in both)} read both eyes"
    assert single == "one eye, one network, one view"
    more = ", with Huang et al. 2023, which the paper does not list"
    assert whole_and_more == f"{whole.removesuffix(' read both eyes')}, Huang et al. 2023 read both eyes{more}"
    assert single_and_more == single + more
    entrants = {about: max(row.rank for row in rows if row.about == about) for about in fields}
    assert [entrants[among] for among in (whole_and_more, single_and_more)] == [
        entrants[among] + 1 for among in (whole, single)
    ]
    for among in fields:
        for split in ("val", "test"):
            found = [row for row in rows if (row.about, row.split) == (among, split)]
            assert [row.rank for row in found] == list(range(1, entrants[among] + 1))
            assert sum(row.estimate for row in found) == pytest.approx(1)
            assert {(row.method, row.arm, row.head) for row in found} == {("m2cnn", "large", "score")}


def test_without_systems_nothing_is_compared(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    params = make_params(seeds=[0], arms={"basenet_mt": ARMS["basenet_mt"]})
    make_all(params)
    runs = read_graded_runs(params)
    assert systems.system_comparisons(params, runs, PRINTED) == []
    assert list(systems.system_ranks(params, runs, PRINTED, ADDED)) == []
