"""Systems that were measured elsewhere: compared, ranked, judged and evaluated like every other arm, also alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmark.common.errors import InputError
from benchmark.common.files import write_text
from benchmark.evaluation import evaluate
from benchmark.report.inputs import Inputs
from benchmark.report.tables.registry import make_tables
from benchmark.runs.consistency import check_run_consistency
from benchmark.runs.declared import find_runs
from benchmark.statistics import decision_rules, metrics, multiverse, planned, ranks, statistics, systems, verdicts
from benchmark.statistics.estimates import read_estimates, select
from benchmark.statistics.published.claims import CLAIMS, OWN_CLAIMS, load_claims
from benchmark.statistics.published.dataset_authors import DATASET_AUTHORS
from benchmark.statistics.published.tables import PUBLISHED, load_published
from tests.factories.paths import ROOT
from tests.factories.runs import ARMS, make_all, make_check_rows, make_networks, make_params, records

GIVEN = {
    "mine": {"val": ["predictions/a", "predictions/b"], "test": ["predictions/a", "predictions/b"], "source": "ours"},
    "theirs": {"val": "predictions/c", "test": "predictions/c", "eyes": "both", "nets": 3, "views": 12},
}
M2CNN = {"basenet_mt": ARMS["basenet_mt"], "m2cnn": ARMS["m2cnn"]}
OWN = """\
- id: mine-over-m2cnn
  claim: our network grades better than M2CNN
  better: {method: mine, arm: predictions, head: score}
  worse: {method: m2cnn, arm: large, head: score}
  tolerance: 0.02
- id: theirs-over-mine
  claim: theirs grades better
  split: val
  better: {method: theirs, arm: predictions, head: score}
  worse: {method: mine, arm: predictions, head: score}
"""


@pytest.fixture
def few_resamples(monkeypatch):
    for module in (decision_rules, metrics, multiverse, systems, verdicts):
        monkeypatch.setattr(module, "N_RESAMPLES", 100)
    monkeypatch.setattr(metrics, "N_OUTPUT_RESAMPLES", 20)
    monkeypatch.setattr(ranks.rank_estimates, "__defaults__", (100,))


@pytest.fixture
def made(tmp_path, monkeypatch, few_resamples):
    """Return a function that makes runs of some arms and of both systems, their statistics and their tables."""
    monkeypatch.chdir(tmp_path)

    def make(arms):
        params = make_params(seeds=(0, 1), arms=arms, given=GIVEN)
        make_all(params)
        for path in (PUBLISHED, CLAIMS, DATASET_AUTHORS):
            write_text(path, (ROOT / path).read_text(encoding="utf-8"))
        write_text(OWN_CLAIMS / "mine.yaml", OWN)
        write_text(planned.PAIRS, "- {about: mine, first: mine/predictions, second: theirs/predictions}\n")
        make_networks()
        make_check_rows()
        evaluate.run(params)
        statistics.run(params)
        return params, {table.name: table for table in make_tables(Inputs(params))}

    return make


@pytest.mark.slow
def test_they_stand_in_every_table_beside_the_papers_arms(made):
    params, tables = made(M2CNN)
    estimates = read_estimates()
    sides = [(row.about, row.method, row.versus) for row in select(estimates, kind="system comparison", split="test")]
    assert sides == [
        ("M2CNN against mine", "m2cnn", "mine/predictions score"),
        ("M2CNN against theirs", "m2cnn", "theirs/predictions score"),
    ]
    assert [(row.about, row.split) for row in select(estimates, kind="comparison")] == [
        ("mine", "val"),
        ("mine", "test"),
    ]
    ranked = select(estimates, kind="system rank", split="test")
    suffix = ", with mine, theirs, measured elsewhere"
    single, whole = f"one eye, one network, one view{suffix}", f"whole systems, of which theirs read both eyes{suffix}"
    assert {(row.about, row.method) for row in ranked if row.about.endswith(suffix)} == {
        *((single, name) for name in ("m2cnn", "mine")),
        *((whole, name) for name in ("m2cnn", "mine", "theirs")),
    }
    comparison = [row for row in records(tables["comparison"]) if row["arm"] == "predictions"]
    assert [(row["row"], row["split"], row["eyes"], row["nets"], row["tta_views"]) for row in comparison] == [
        ("mine", "val", "one", "1", "1"),
        ("mine", "test", "one", "1", "1"),
        ("theirs", "val", "both", "3", "12"),
        ("theirs", "test", "both", "3", "12"),
    ]
    assert {row["macs_per_eye"] for row in comparison} == {""}
    for name in ("metrics", "decoding"):
        assert {row["method"] for row in records(tables[name])} >= {"mine", "theirs"}, name
    for name in ("ablation", "components", "cost", "cost_time"):
        assert not {row.get("method") for row in records(tables[name])} & {"mine", "theirs"}, name
    assert "Measured elsewhere, from files of predictions, whatever the training: mine (ours), theirs." in (
        tables["metrics"].caption
    )
    own = {row["claim"]: row for row in records(tables["verdicts"]) if row["claim"].startswith(("mine", "theirs"))}
    assert (own["mine-over-m2cnn"]["split"], own["mine-over-m2cnn"]["margin"]) == ("test", "0.020000")
    assert own["mine-over-m2cnn"]["scope"] == "phantom: no claim about real eyes"
    assert {row["evidence"] for row in own.values()} == {"ours"}
    assert "Whether val had a part in the choice of theirs/predictions is not known" in own["theirs-over-mine"]["note"]
    assert "Whether val" not in own["mine-over-m2cnn"]["note"]
    check_run_consistency(params, list(find_runs(params)))
    other = make_params(seeds=(0, 1), arms=M2CNN, given=GIVEN | {"mine": GIVEN["mine"] | {"nets": 2}})
    with pytest.raises(InputError, match="mine/predictions seed 0 was read with other facts"):
        check_run_consistency(other, list(find_runs(other)))
    write_text(Path(GIVEN["theirs"]["val"]), "edited")
    with pytest.raises(InputError, match="theirs/predictions seed 0 was read before predictions/c changed"):
        check_run_consistency(params, list(find_runs(params)))


@pytest.mark.slow
def test_they_stand_alone_where_nothing_was_trained(made):
    _, tables = made({})
    estimates = read_estimates()
    compared = select(estimates, kind="system comparison", split="test")
    assert [(row.method, row.versus) for row in compared] == [("mine", "theirs/predictions score")]
    assert {row.method for row in select(estimates, kind="system rank")} == {"mine", "theirs"}
    assert {row["method"] for row in records(tables["metrics"])} == {"mine", "theirs"}
    assert "Trained in" not in tables["metrics"].caption
    assert "± is the sample standard deviation over the seeds of a row" in tables["metrics"].caption


BAD = {
    "an unknown head": (OWN.replace("head: score", "head: scores", 1), "'score' or 'prob'"),
    "no arm": (OWN.replace("arm: predictions, ", "", 1), "must name an arm, or else its loss and size"),
    "a claim of the paper": (OWN.replace("mine-over-m2cnn", "multi-task-over-mse"), "unique id"),
    "an unknown key": (OWN + "  margin: 0.1\n", "is not a parameter"),
    "no list": ("id: mine\n", "valid list"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_claim_of_the_user_is_refused_with_its_file(case, tmp_path):
    text, words = BAD[case]
    write_text(tmp_path / "mine.yaml", text)
    with pytest.raises(InputError, match=words) as refused:
        load_claims(ROOT / CLAIMS, load_published(ROOT / PUBLISHED), tmp_path)
    assert "mine.yaml" in str(refused.value)
