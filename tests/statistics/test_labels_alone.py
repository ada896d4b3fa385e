"""Labels without photographs: every stage runs on predictions alone, and says what it leaves out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml

from benchmark.cli.main import main
from benchmark.common.files import write_text
from benchmark.data import fetch, prepare
from benchmark.dispatch import train
from benchmark.evaluation import architecture, evaluate, saliency, transfer
from benchmark.report import report
from benchmark.report.inputs import Inputs
from benchmark.report.verification.reference_results import keep
from benchmark.settings.loading import load_params
from benchmark.statistics import decision_rules, metrics, multiverse, planned, ranks, statistics, systems, verdicts
from benchmark.statistics.published.claims import CLAIMS
from benchmark.statistics.published.dataset_authors import DATASET_AUTHORS
from benchmark.statistics.published.tables import PUBLISHED
from tests.factories.paths import ROOT

IMAGES = {"Public": 60, "Private": 100}


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project with labels alone, the default arms, and predictions with some errors from two other programs."""
    for module in (decision_rules, metrics, multiverse, systems, verdicts):
        monkeypatch.setattr(module, "N_RESAMPLES", 100)
    monkeypatch.setattr(metrics, "N_OUTPUT_RESAMPLES", 20)
    monkeypatch.setattr(ranks.rank_estimates, "__defaults__", (100,))
    monkeypatch.chdir(tmp_path)
    for path in (PUBLISHED, CLAIMS, DATASET_AUTHORS, planned.PAIRS):
        write_text(path, (ROOT / path).read_text(encoding="utf-8"))
    random = np.random.default_rng(0)
    names = [f"{part[1]}{i // 2}_{'left' if i % 2 else 'right'}" for part, n in IMAGES.items() for i in range(n)]
    usage = [part for part, n in IMAGES.items() for _ in range(n)]
    grades = random.integers(0, 5, len(names))
    lines = [f"{name},{grade},{part}" for name, grade, part in zip(names, grades, usage, strict=True)]
    write_text(Path("labels.csv"), "\n".join(["image,level,Usage", *lines]))
    raw = yaml.safe_load((ROOT / "params.yaml").read_text())
    raw["data"] = {"source": "labels", "name": "eyes", "root": "labels.csv"}
    for name, wrong in (("mine", 0.2), ("theirs", 0.4)):
        answers = np.where(random.random(len(names)) < wrong, random.integers(0, 5, len(names)), grades)
        rows = [f"{image},{answer}" for image, answer in zip(names, answers, strict=True)]
        write_text(Path(f"predictions/{name}.csv"), "\n".join(["image,level", *rows]))
        file = f"predictions/{name}.csv"
        raw["systems"][name] = {"predictions": {"val": file, "test": file, "source": "another program"}}
    write_text(Path("params.yaml"), yaml.safe_dump(raw))
    return load_params()


@pytest.mark.slow
def test_every_stage_runs_on_predictions_alone(project, capsys, monkeypatch):
    monkeypatch.setattr(train, "core_count", lambda: 2)
    monkeypatch.setattr(train, "choose_engine", lambda *_: pytest.fail("no process may start where nothing is trained"))
    fetch.run(project)
    prepare.run(project)
    for method in project.methods:
        train.run(project, [method])
    assert sorted(path.parent.parent.name for path in Path("runs").glob("*/*/0")) == ["mine", "theirs"]
    for stage in (evaluate, transfer, architecture, statistics, saliency, report):
        stage.run(project)
    inputs = Inputs(project)
    assert {(str(arm), inputs.results.images("test")) for arm in inputs.results.arms()} == {
        ("mine/predictions", 100),
        ("theirs/predictions", 100),
    }
    made = {path.stem for path in Path("reports/tables").glob("*.csv")}
    assert made == {"checks", "comparison", "decoding", "groups", "metrics", "systems", "verdicts"}
    assert {row.scope for row in inputs.verdicts} == {
        "labels alone: rows made elsewhere, none by the paper's method",
        "the paper's own numbers",
    }
    page = Path("reports/index.html").read_text(encoding="utf-8")
    assert "no file was opened" in page
    assert "the label of the fellow eye" in page
    assert "another program" in page
    assert main(["validate"]) == 0
    assert "go on with `dvc repro`" in capsys.readouterr().out


def test_tables_without_the_figure_of_an_ablation_are_kept(project, tmp_path):
    write_text(Path("reports/tables/decoding.csv"), "kappa\n1\n")
    write_text(Path("reports/tables/decoding.md"), "kappa\n")
    keep(Path("kept"))
    assert sorted(path.name for path in Path("kept").iterdir()) == [
        "decoding.csv",
        "decoding.md",
        "made_by.json",
        "params.yaml",
    ]
