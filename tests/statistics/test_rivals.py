"""Other systems part by part: which comparisons are made, and that they stay apart from those of single-eye arms."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmark.common.csv_rows import read_rows
from benchmark.statistics import intervals, ranks, rivals
from benchmark.statistics.decoded import Decoded, read_decoded
from benchmark.statistics.published.tables import PUBLISHED, load_published
from models.systems.registry import SYSTEMS
from tests.made.paths import ROOT
from tests.made.runs import ARMS, make_all, make_params

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
        patch.setattr(rivals, "REPLICATES", 200)
        patch.setattr(intervals, "REPLICATES", 200)
        make_all(params)
        decoded = read_decoded(params)
        yield params, decoded, rivals.rivals(params, decoded, PRINTED)


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_step_every_control_and_the_papers_method_are_compared_on_both_splits(made, name):
    rows = made[2]
    ladder = [f"{arm} {head}" for (arm, head) in rivals.ladder(name)]
    controls = [f"{arm} {head}" for (arm, head) in rivals.controls(name)]
    steps = list(zip(ladder[1:], ladder, strict=False))
    expected = [*steps, *((ladder[-1], control) for control in controls), (OURS, ladder[-1]), (OURS, ladder[0])]
    # M-Net+A-Net is a row of the paper's comparison, and a step of Zoom-in-Net here.
    expected += [(OURS, side) for side in ladder[1:-1] if name == "zoom_in_net"]
    ours = [row for row in rows if name in row.a + row.b]
    assert [(row.a, row.b, row.split) for row in ours] == [
        (*pair, split) for pair in expected for split in ("val", "test")
    ]
    for row in ours:
        assert row.difference == pytest.approx(row.kappa_a - row.kappa_b)
        assert row.p_holm >= row.p
        assert row.seeds in ("0 1", "0 1 2 | 0 1")


def test_arms_of_the_paper_are_told_apart_as_if_there_were_no_other_system(made):
    params, decoded, _ = made
    alone = Decoded(
        {arm: runs for arm, runs in decoded.runs.items() if arm.stage in params.arms},
        {key: grades for key, grades in decoded.grades.items() if key[0].stage in params.arms},
        {key: outputs for key, outputs in decoded.outputs.items() if key[0].stage in params.arms},
    )
    assert intervals.comparisons(decoded) == intervals.comparisons(alone)
    assert list(ranks.rank_rows(decoded, 50)) == list(ranks.rank_rows(alone, 50))


def test_a_system_that_reads_both_eyes_is_ranked_with_others_only_where_that_is_said(made, monkeypatch):
    params, decoded, _ = made
    monkeypatch.setattr(rivals, "REPLICATES", 200)
    rows = rivals.places(params, decoded, PRINTED, ADDED)
    fields = dict.fromkeys(row.among for row in rows)
    whole, single, whole_and_more, single_and_more = fields
    last = {name: list(entry.rows.values())[len(rivals.ladder(name)) - 1] for name, entry in SYSTEMS.items()}
    both = [
        SYSTEMS[name] for name in params.systems if last[name].eyes == "both" and SYSTEMS[name].title in PRINTED.rows
    ]
    assert whole == f"whole systems, of which {', '.join(entry.title for entry in both)} read both eyes"
    assert single == "one eye, one network, one pass"
    more = ", with Huang et al. 2023, which the paper does not list"
    assert whole_and_more == f"{whole.removesuffix(' read both eyes')}, Huang et al. 2023 read both eyes{more}"
    assert single_and_more == single + more
    entrants = {row.among: row.entrants for row in rows}
    assert [entrants[among] for among in (whole_and_more, single_and_more)] == [
        entrants[among] + 1 for among in (whole, single)
    ]
    for among in fields:
        for split in ("val", "test"):
            found = [row for row in rows if (row.among, row.split) == (among, split)]
            assert [row.rank for row in found] == list(range(1, found[0].entrants + 1))
            assert sum(row.share for row in found) == pytest.approx(1)
            assert {(row.stage, row.arm, row.head, row.title) for row in found} == {
                ("m2cnn", "large", "score", "M2CNN")
            }


def test_without_systems_nothing_is_compared_and_files_are_empty(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("experiments").mkdir()
    Path("experiments/published").symlink_to(ROOT / "experiments/published")
    params = make_params(seeds=[0], arms={"basenet_mt": ARMS["basenet_mt"]})
    make_all(params)
    rivals.run(params, read_decoded(params))
    assert read_rows(rivals.RIVALS, rivals.RivalRow, "-") == []
    assert read_rows(rivals.PLACES, rivals.PlaceRow, "-") == []
