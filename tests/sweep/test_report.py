"""The report of a sweep over synthetic predictions: golden files, and conclusions that follow from the numbers."""

from __future__ import annotations

import csv
import io
import os
import shutil
from contextlib import chdir
from dataclasses import fields, replace

import pytest
from optuna_dashboard import get_note

from benchmark.jobs.local_engine import LocalEngine
from benchmark.report.render import table_to_csv, to_tex
from benchmark.statistics.comparison import Comparison
from benchmark.statistics.confidence import ONE_RUN
from benchmark.sweep import sweep
from benchmark.sweep.context import SweepContext, open_context, study_of
from benchmark.sweep.report import conclusions, retraining_table, trials_table
from benchmark.sweep.results import compute_results
from benchmark.sweep.retrain import retrain
from benchmark.sweep.study import WINNERS
from benchmark.sweep.trials import search
from tests.factories.paths import ROOT
from tests.factories.sweep import Trainer, make_project, nan_loss, sweep_params

GOLDEN = ROOT / "tests/golden"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning", "ignore:Some regimes"),
]


@pytest.fixture(scope="module")
def swept(shared_folder):
    """A sweep with its report, one of whose trials failed once: folder, parameters, study and results."""
    trainer, failures, params = Trainer(), [], sweep_params(trials=8)
    trainer.fail = lambda weight, *_: (failures.append(weight), nan_loss()) if weight == 0.0 and not failures else None

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
        results = compute_results(study, params, retrain(study, context, LocalEngine(1)))
    return root, params, study, results


def test_the_report_equals_the_golden_files(swept):
    """Compare with tests/golden; FUNDUSBENCH_GOLDEN=write pytest tests/sweep/test_report.py updates the files."""
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
    """Replace the hash of the code in the study's name, so that golden files stay valid when the code changes."""
    return text.replace(swept[2].study_name, "weight-hash")


def test_the_page_shows_the_figure(swept):
    folder = swept[0] / "reports/sweep/weight"
    assert (folder / "slice.png").read_bytes().startswith(b"\x89PNG")
    assert "(slice.png)" in (folder / "sweep.md").read_text()


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


def test_the_retraining_agrees_with_scikit_learn(swept):
    from sklearn.metrics import cohen_kappa_score

    from benchmark.runs.predictions import read_predictions

    root, _, study, results = swept
    kappas = {}
    for path in (root / "sweep" / study.study_name / "retrained").glob("*/test.csv"):
        one = read_predictions(path)
        kappas[path.parent.name] = cohen_kappa_score(one.grade, one.prob.argmax(1), weights="quadratic")
    assert len(kappas) == 6
    difference = results.differences["test"]
    assert sum(kappas.values()) / 3 == pytest.approx(difference.a + difference.b)
    records = list(csv.DictReader(io.StringIO(table_to_csv(retraining_table(results)))))
    estimates = {(r["group"], r["quantity"]): float(r["estimate"]) for r in records}
    assert estimates["test", "best - published"] == pytest.approx(difference.difference.estimate, abs=1e-6)
    best = estimates["selection, on val", f"best trial, number {results.best.number}"]
    assert best == pytest.approx(study.best_value, abs=1e-6)
    difference = best - estimates["selection, on val", "its retraining"]
    assert estimates["selection, on val", "best trial - retraining"] == pytest.approx(difference, abs=2e-6)


def test_both_tables_warn_of_phantom_data(swept):
    for table in (trials_table(swept[3]), retraining_table(swept[3])):
        assert "no claim about real eyes" in table.caption
        assert "no claim about real eyes" in to_tex(table)


def changed_values(comparison, **values):
    """Return a comparison with other values, of which it computes some."""
    own = {field.name: values.pop(field.name, getattr(comparison, field.name)) for field in fields(comparison)}
    return type("Changed", (Comparison,), values)(**own)


def with_difference(results, p, estimate, low, high):
    comparison = results.differences["test"]
    interval = replace(comparison.difference, estimate=estimate, low=low, high=high)
    changed = changed_values(comparison, p_retrained=p, difference=interval)
    return replace(results, differences={**results.differences, "test": changed})


@pytest.mark.parametrize(
    ("p", "estimate", "words"),
    [
        (0.2, 0.01, "The difference is inconclusive"),
        (0.01, 0.05, "significantly better than the published ones"),
        (0.01, -0.05, "significantly worse than the published ones"),
    ],
)
def test_the_verdict_follows_the_rule_declared_in_advance(swept, p, estimate, words):
    sentence = conclusions(with_difference(swept[3], p, estimate, estimate - 0.02, estimate + 0.02))[1]
    assert words in sentence
    assert f"{estimate:+.3f}" in sentence


def test_with_one_retraining_seed_nothing_is_concluded(swept):
    comparison = swept[3].differences["test"]
    interval = replace(comparison.difference, low=0.1, high=0.2, inconclusive_reason=ONE_RUN)
    undefined = {"p_retrained": float("nan"), "min_detectable_difference": float("nan")}
    one = changed_values(comparison, p=0.001, difference=interval, **undefined)
    changed = replace(swept[3], differences={"test": one}, selection=replace(swept[3].selection, difference=interval))
    sentences = conclusions(changed)
    assert "Nothing is concluded: a single seed gives no estimate of seed variance." in sentences[1]
    assert "p =" not in sentences[1]
    assert "nan" not in str(retraining_table(changed).rows)
    assert sentences[2].endswith("with so few seeds it is inconclusive.")


def test_if_the_published_values_win_nothing_is_compared(swept):
    results = replace(swept[3], differences={})
    assert "best values are the published ones" in conclusions(results)[1]
    assert "best - published" not in str(retraining_table(results).rows)


def test_selection_bias_is_stated_only_if_its_interval_excludes_zero(swept):
    selection = swept[3].selection
    sure = replace(selection, difference=replace(selection.difference, estimate=0.1, low=0.05, high=0.15))
    unsure = replace(selection, difference=replace(selection.difference, estimate=0.1, low=-0.05, high=0.15))
    assert "the search overestimates these values" in conclusions(replace(swept[3], selection=sure))[2]
    assert "inconclusive" in conclusions(replace(swept[3], selection=unsure))[2]


@pytest.mark.parametrize(("kappa", "reason"), [(0.0, "every network gives one grade to all of val"), (0.4, "")])
def test_trials_with_one_kappa_are_not_ranked(swept, kappa, reason):
    trials = [
        replace(trial, interval=replace(trial.interval, estimate=kappa)) if trial.interval else trial
        for trial in swept[3].trials
    ]
    best = next(trial for trial in trials if trial.number == swept[3].best.number)
    tied = replace(swept[3], trials=trials, best=best)
    (sentence,) = conclusions(tied)
    assert f"all complete ones have the same val kappa, {kappa:.3f}, so no values are best" in sentence
    assert reason in sentence
    assert "best" not in str([row.label for row in trials_table(tied).rows])


def test_optunas_tools_name_the_objective_and_warn_of_phantom_data(swept):
    study = swept[2]
    assert study.metric_names == ["val kappa"]
    assert get_note(study).startswith("Phantom results: no claim about real eyes. Arm basenet_mt/small")


def test_values_that_the_paper_does_not_print_are_called_declared(swept):
    other = replace(swept[3], published={"train.lr": 0.005})
    assert "published" not in str(conclusions(other)) + str(retraining_table(other))
    assert "declared lr 0.005" in conclusions(other)[1]


def test_repeated_use_of_test_for_a_new_winner_is_reported(swept):
    assert len(conclusions(swept[3])) == 3
    assert "used for 2 winners" in conclusions(replace(swept[3], n_winners=2))[3]
    assert swept[2].user_attrs[WINNERS] == [swept[3].best.number]


def test_a_sweep_over_two_parameters_shows_both(tmp_path, monkeypatch):
    make_project(tmp_path)
    monkeypatch.chdir(tmp_path)
    trainer = Trainer()
    monkeypatch.setattr(SweepContext, "complete", lambda self, *arguments: trainer(self, *arguments))
    space = {
        "losses.ce_mse.weight": {"low": 0.01, "high": 100.0, "log": True, "zero": True},
        "train.lr": {"low": 0.001, "high": 0.1, "log": True},
        "train.opt": {"choices": ["adamw", "sgd"]},
    }
    sweep.run(sweep_params(trials=4, space=space, study="both"))
    header = (tmp_path / "reports/sweep/both/trials.csv").read_text().partition("\n")[0]
    assert "losses.ce_mse.weight,train.lr,train.opt" in header
    folder = tmp_path / "reports/sweep/both"
    assert (folder / "slice.png").exists()
    assert "nan" not in (folder / "sweep.md").read_text()


def test_the_search_ends_before_test_is_opened(tmp_path, monkeypatch):
    """The winner is recorded before a run may predict test."""
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
