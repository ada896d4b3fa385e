"""What a sweep's report says, from made predictions: the golden page, and the wording by the numbers."""

from __future__ import annotations

import csv
import io
import os
import shutil
from contextlib import chdir
from dataclasses import replace

import pytest

from benchmark.jobs.local_engine import LocalEngine
from benchmark.report.render import to_csv, to_tex
from benchmark.statistics.bootstrap import Interval
from benchmark.sweep import sweep, tables
from benchmark.sweep.context import SweepContext, open_context, study_of
from benchmark.sweep.evidence import gather
from benchmark.sweep.optuna_keys import WINNERS
from benchmark.sweep.retrain import retrain
from benchmark.sweep.tables import reading, retraining_table, trials_table
from benchmark.sweep.trials import search
from tests.made.paths import ROOT
from tests.made.sweep import Trainer, make_project, nan_loss, sweep_params

GOLDEN = ROOT / "tests/golden"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning", "ignore:Some regimes"),
]


@pytest.fixture(scope="module")
def swept(shared_folder):
    """A sweep that ran to its report, with a trial that died once: folder, parameters, study and evidence."""
    trainer, deaths, params = Trainer(), [], sweep_params(trials=8)
    trainer.fail = lambda weight, *_: (deaths.append(weight), nan_loss()) if weight == 0.0 and not deaths else None

    def fill(folder):
        make_project(folder, images=80)
        with chdir(folder):
            sweep.run(params)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SweepContext, "complete", lambda self, *arguments: trainer(self, *arguments))
        root = shared_folder("swept", fill)
        patch.chdir(root)
        context = open_context(params)
        study = study_of(context)
        evidence = gather(study, params, retrain(study, context, LocalEngine(1)))
    return root, params, study, evidence


def test_the_report_renders_as_stored(swept):
    """Compare with tests/golden; FUNDUSBENCH_GOLDEN=write pytest tests/sweep/test_report.py renews the files."""
    folder = swept[0] / "reports/sweep/weight"
    for name in ("sweep.md", "trials.csv", "trials.tex", "retraining.csv", "retraining.tex"):
        path, text = (
            GOLDEN / f"sweep_{name.removeprefix('sweep.').replace('md', 'page.md')}",
            (folder / name).read_text(),
        )
        if os.environ.get("FUNDUSBENCH_GOLDEN") == "write":
            path.write_text(_without_hash(text, swept), encoding="utf-8", newline="\n")
        assert _without_hash(text, swept).encode() == path.read_bytes(), f"{path.name} differs"


def _without_hash(text, swept):
    """A study's name holds a hash of the code, which golden files outlive."""
    return text.replace(swept[2].study_name, "weight-hash")


def test_every_figure_is_drawn_and_named_on_the_page(swept):
    folder = swept[0] / "reports/sweep/weight"
    page = (folder / "sweep.md").read_text()
    for name in ("kappa.png", "history.png", "slice.png", "importances.png"):
        assert (folder / name).read_bytes().startswith(b"\x89PNG")
        assert f"({name})" in page


def test_a_second_report_of_the_same_study_is_byte_identical(swept, tmp_path, monkeypatch):
    root, params, _, _ = swept
    shutil.copytree(root, tmp_path / "again")
    folder = tmp_path / "again/reports/sweep/weight"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    monkeypatch.chdir(tmp_path / "again")
    trainer = Trainer()
    monkeypatch.setattr(SweepContext, "complete", lambda self, *arguments: trainer(self, *arguments))
    sweep.run(params)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert trainer.trained == []


def test_the_retraining_agrees_with_scikit_learn_and_its_own_records(swept):
    from sklearn.metrics import cohen_kappa_score

    from benchmark.runs.predictions import read_predictions

    root, _, study, evidence = swept
    kappas = {}
    for path in (root / "sweep" / study.study_name / "retrained").glob("*/test.csv"):
        one = read_predictions(path)
        kappas[path.parent.name] = cohen_kappa_score(one.grade, one.prob.argmax(1), weights="quadratic")
    assert len(kappas) == 6
    difference = evidence.differences["test"]
    assert sum(kappas.values()) / 3 == pytest.approx(difference.a + difference.b)
    records = list(csv.DictReader(io.StringIO(to_csv(retraining_table(evidence)))))
    shown = {(r["group"], r["what"]): float(r["value"]) for r in records}
    assert shown["test", "best - published"] == pytest.approx(difference.difference.value, abs=1e-6)
    best = shown["selection, on val", f"best trial, number {evidence.best.number}"]
    assert best == pytest.approx(study.best_value, abs=1e-6)
    left = best - shown["selection, on val", "its retraining"]
    assert shown["selection, on val", "best trial - retraining"] == pytest.approx(left, abs=2e-6)


def test_both_tables_say_that_the_data_are_drawn(swept):
    for table in (trials_table(swept[3]), retraining_table(swept[3])):
        assert "no claim about real eyes" in table.caption
        assert "no claim about real eyes" in to_tex(table)


def changed(evidence, p, value, low, high):
    found = evidence.differences["test"]
    interval = replace(found.difference, value=value, low=low, high=high)
    other = replace(found, p_retrained=p, difference=interval)
    return replace(evidence, differences={**evidence.differences, "test": other})


@pytest.mark.parametrize(
    ("p", "value", "words"),
    [
        (0.2, 0.01, "do not tell them apart"),
        (0.01, 0.05, "better than the published ones beyond noise"),
        (0.01, -0.05, "worse than the published ones beyond noise"),
    ],
)
def test_the_verdict_is_worded_by_the_predeclared_rule(swept, p, value, words):
    sentence = reading(changed(swept[3], p, value, value - 0.02, value + 0.02))[1]
    assert words in sentence
    assert f"{value:+.3f}" in sentence


def test_one_retraining_seed_is_judged_over_patients_alone(swept):
    found = replace(swept[3].differences["test"], p=0.01, p_retrained=float("nan"))
    assert tables.differs(found)


def test_where_the_published_values_win_there_is_nothing_to_compare(swept):
    evidence = replace(swept[3], differences={})
    assert "published values themselves" in reading(evidence)[1]
    assert "best - published" not in str(retraining_table(evidence).rows)


def test_selection_is_called_luck_only_where_its_interval_says_so(swept):
    selection = swept[3].selection
    sure = replace(selection, difference=Interval(0.1, 0.05, 0.15, 0.95, 100, 40, 0, 0.02))
    unsure = replace(selection, difference=Interval(0.1, -0.05, 0.15, 0.95, 100, 40, 0, 0.02))
    assert "luck, not merit" in reading(replace(swept[3], selection=sure))[2]
    assert "do not tell" in reading(replace(swept[3], selection=unsure))[2]


def test_reading_test_again_for_a_new_winner_is_said(swept, monkeypatch):
    assert len(reading(swept[3])) == 3
    assert "read for 2 winners" in reading(replace(swept[3], test_read=2))[3]
    assert swept[2].user_attrs[WINNERS] == [swept[3].best.number]


def test_a_sweep_over_two_parameters_shows_both(tmp_path, monkeypatch):
    make_project(tmp_path)
    monkeypatch.chdir(tmp_path)
    trainer = Trainer()
    monkeypatch.setattr(SweepContext, "complete", lambda self, *arguments: trainer(self, *arguments))
    space = {
        "objectives.ce_mse.weight": {"low": 0.01, "high": 100.0, "log": True, "zero": True},
        "train.lr": {"low": 0.001, "high": 0.1, "log": True},
        "train.opt": {"choices": ["adamw", "sgd"]},
    }
    sweep.run(sweep_params(trials=4, space=space, study="both"))
    header = (tmp_path / "reports/sweep/both/trials.csv").read_text().partition("\n")[0]
    assert "objectives.ce_mse.weight,train.lr,train.opt" in header
    assert (tmp_path / "reports/sweep/both/kappa.png").exists()


def test_the_search_ends_before_test_is_opened(tmp_path, monkeypatch):
    """The winner is written down first; only then may a run predict test."""
    make_project(tmp_path)
    monkeypatch.chdir(tmp_path)
    trainer, context = Trainer(), open_context(sweep_params(trials=3))
    study, seen = study_of(context), []

    def complete(self, spec, folder, *arguments):
        seen.append(("test" in self.splits, WINNERS in study.user_attrs))
        trainer(self, spec, folder, *arguments)

    monkeypatch.setattr(SweepContext, "complete", complete)
    search(study, context)
    assert set(seen) == {(False, False)}
    seen.clear()
    retrain(study, context, LocalEngine(1))
    assert set(seen) == {(True, True)}
