"""The whole pipeline through `dvc repro`, on a phantom of a few dozen images."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest

from benchmark.common.files import write_text
from models.systems.registry import SYSTEMS
from tests.factories.photographs import write_folder, write_photograph
from tests.factories.project import BIN

pytestmark = pytest.mark.slow

TABLES = ["ablation", "comparison", "decoding", "metrics"]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def trained(project, *arguments: str) -> dict[str, int]:
    """Run ``dvc repro``; return the number of trained runs of each method whose stage it ran."""
    output = project.run("dvc", "repro", *arguments).stdout
    found = re.findall(r"> fundusbench train (\w+)\nruns/: \d+ of \d+ runs, (\d+) of them trained now", output)
    return {method: int(count) for method, count in found}


def test_every_stage_writes_its_outputs(finished):
    assert (finished.root / "data/manifest.csv").exists()
    for run in ("basenet/mse_small/0", "basenet_mt/small/1", "m2cnn/mid/0"):
        names = {path.name for path in (finished.root / "runs" / run).iterdir()}
        assert names == {"run.json", "history.csv", "val.csv", "test.csv", "model.safetensors"}
        assert (finished.root / "records" / f"{run}.json").exists()
    for row in SYSTEMS["min_pooling"].steps:
        names = {path.name for path in (finished.root / "runs/min_pooling" / row / "0").iterdir()}
        assert names == {"run.json", "holdout.csv", "val.csv", "test.csv", "model.safetensors"}
    assert "Min-pooling, part by part" in (finished.root / "reports/tables/comparison.md").read_text()
    for table in TABLES:
        text = (finished.root / f"reports/tables/{table}.md").read_text()
        assert "phantom results: no claim about real eyes" in text
    pictures = {path.name for path in (finished.root / "reports/photographs").iterdir()}
    assert pictures == {"worst_errors.png", "saliency.png"}
    assert not list((finished.root / "scratch").rglob("checkpoint.safetensors"))


def test_track_and_verify_leave_no_stage_to_rerun(project):
    path = project.root / "reports/provenance.json"

    def ids() -> list[str]:
        arms = json.loads(path.read_text())["arms"].values()
        return [seed["mlflow_run_id"] for arm in arms for seed in arm["seeds"].values()]

    # A copy of a project must log its runs again, for MLflow keeps absolute paths.
    (project.root / "mlflow.db").unlink()
    shutil.rmtree(project.root / "mlartifacts")
    project.run("fundusbench", "track")
    first = ids()
    # Six runs of methods; of a system, one network and the steps that add to it.
    assert len(set(first)) == 6 + 1 + len(SYSTEMS["min_pooling"].steps)
    assert all(first)
    path.unlink()
    assert project.repro() == []
    project.run("fundusbench", "track")
    assert ids() == first
    assert "are identical" in project.run("fundusbench", "verify").stdout
    assert project.repro() == []


def test_a_changed_setting_retrains_only_the_methods_that_depend_on_it(project):
    raw = project.params()
    raw["losses"]["ce_mse"]["weight"] = 0.5
    project.write_params(raw)
    stages = ("train@basenet", "train@basenet_mt", "train@m2cnn")
    made = trained(project, *stages, "train_system@min_pooling")
    assert (made["basenet"], made["min_pooling"]) == (0, 0)
    # DVC may run the stage of m2cnn first, which then trains the runs of basenet_mt that it starts from.
    assert made["basenet_mt"] + made["m2cnn"] == 4
    raw["model"]["cells"]["normal"] = 2
    project.write_params(raw)
    assert trained(project, *stages) == {"basenet": 0, "basenet_mt": 0, "m2cnn": 2}
    del raw["arms"]["basenet"]["mse_small"]
    project.write_params(raw)
    assert trained(project, *stages) == {"basenet": 0, "basenet_mt": 0, "m2cnn": 0}


def test_predictions_of_another_program_become_a_row_without_any_training(project):
    for split in ("val", "test"):
        for seed in (0, 1):
            rows = pd.read_csv(project.root / f"runs/basenet/mse_small/{seed}/{split}.csv")
            other = pd.DataFrame({"file": rows["image_id"] + ".png", "y_pred": (rows["score"] + 0.3).round(2)})
            other.sample(frac=1, random_state=0).to_csv(project.root / f"{split}{seed}.csv", index=False)
    # MLflow keeps absolute paths, so a copy of a project logs its runs again.
    (project.root / "mlflow.db").unlink()
    shutil.rmtree(project.root / "mlartifacts")
    files = ("--val", "val0.csv", "val1.csv", "--test", "test0.csv", "test1.csv")
    project.run("fundusbench", "add", "mine", *files, "--source", "another program")
    write_text(
        project.root / "experiments/claims/mine.yaml",
        "- {id: mine-over-mse, claim: mine is better, better: {method: mine, arm: predictions, head: score},\n"
        "   worse: {method: basenet, arm: mse_small, head: score}}\n",
    )
    made = trained(project)
    assert made.pop("mine") == 0
    assert set(made.values()) <= {0}
    names = {path.name for path in (project.root / "runs/mine/predictions/1").iterdir()}
    assert names == {"run.json", "val.csv", "test.csv"}
    tables = {path.stem: path.read_text() for path in (project.root / "reports/tables").glob("*.md")}
    assert "| mine: scores |" in tables["comparison"]
    assert "mine is better (asked here; the paper does not claim it)" in tables["verdicts"]
    assert "mine (another program)" in tables["metrics"]
    page = (project.root / "reports/index.html").read_text()
    assert "elsewhere, from files of predictions" in page
    runs = json.loads((project.root / "reports/provenance.json").read_text())["arms"]["mine/predictions"]["seeds"]
    assert all(run["mlflow_run_id"] and run["record"] is None for run in runs.values())
    assert "are identical" in project.run("fundusbench", "verify").stdout
    assert project.repro() == []
    path = project.root / "predictions/mine/val_0.csv"
    path.write_text(path.read_text().replace(".png", ".jpeg"))
    assert trained(project, "train_system@mine") == {"mine": 0}
    path.write_text(path.read_text().partition("\n")[0] + "\n1_left,2\n")
    refused = project.run("fundusbench", "train", "mine", check=False)
    assert refused.returncode == 2
    assert "predictions/mine/val_0.csv" in refused.stderr


def test_an_arm_with_settings_of_its_own_is_trained_on_its_own_packs_and_shown_with_them(project):
    raw, packs = project.params(), contents(project.root / "data/packs")
    raw["arms"]["basenet"]["grey"] = {
        **{"loss": "mse", "size": "small", "train": {"lr": 0.01}},
        "prepare": {"colour_normalisation": "graham"},
    }
    project.write_params(raw)
    assert trained(project) == {"basenet": 2, "basenet_mt": 0, "m2cnn": 0, "controls": 0, "min_pooling": 0}
    after = contents(project.root / "data/packs")
    assert {name: after[name] for name in packs} == packs
    assert "graham/small/train.arrow" in after
    own = "basenet/grey (prepare.colour_normalisation graham, train.lr 0.01)"
    assert own in (project.root / "reports/tables/ablation.md").read_text()
    assert own in (project.root / "reports/tables/cost.md").read_text()
    raw["arms"]["basenet"]["grey"]["train"]["lr"] = 0.02
    project.write_params(raw)
    assert trained(project, "train@basenet") == {"basenet": 2}


def test_a_wrong_parameter_is_refused_before_dvc_removes_anything(project):
    raw, before = project.params(), contents(project.root / "runs")
    raw["arms"]["basenet"]["mse_small"]["train"] = {"epochs": -1}
    raw["data"]["seed"] = 7
    project.write_params(raw)
    done = project.run("dvc", "repro", check=False)
    assert done.returncode
    assert "arms.basenet.mse_small.train.epochs: should be greater than or equal to 1" in done.stderr + done.stdout
    assert contents(project.root / "runs") == before
    assert (project.root / "data/manifest.csv").exists()


@pytest.mark.parametrize("section", ["arms", "systems"])
def test_a_method_named_like_a_path_is_refused_and_removes_nothing(clone, section):
    raw, key = clone.params(), "../../victim"
    raw[section][key] = {"a": {"loss": "mse", "size": "small"}} if section == "arms" else {}
    clone.write_params(raw)
    victims = [clone.root / "victim/kept", clone.root.parent / "victim/kept", clone.root / "runs/old/0/val.csv"]
    for victim in victims:
        victim.parent.mkdir(parents=True, exist_ok=True)
        victim.touch()
    stage = f"{'train' if section == 'arms' else 'train_system'}@{key}"
    for command in (("fundusbench", "validate"), ("dvc", "repro"), ("dvc", "repro", stage)):
        done = clone.run(*command, check=False)
        assert done.returncode, command
        assert key in done.stderr
        assert all(victim.exists() for victim in victims), command


def test_another_data_set_is_evaluated_without_training_and_earlier_results_come_from_the_cache(project):
    before, raw = project.params(), project.params()
    raw["transfer"] = {"again": raw["data"] | {"seed": 1, "name": "again"}}
    project.write_params(raw)
    table = project.root / "reports/tables/transfer.md"
    assert set(project.repro()) == {"validate", "transfer", "statistics", "report"}
    assert "test: 20 images of 10 patients" in table.read_text()
    assert project.repro() == []
    project.write_params(before)
    assert project.repro() == []
    assert not table.exists()
    assert [path.name for path in (project.root / "transfer").iterdir()] == ["sets.csv"]


def test_another_colour_normalisation_is_prepared_and_the_first_comes_from_the_cache(project):
    before, packs = project.params(), contents(project.root / "data/packs")
    raw = project.params()
    raw["prepare"]["colour_normalisation"] = "graham"
    project.write_params(raw)
    assert project.repro("prepare") == ["validate", "prepare"]
    other = contents(project.root / "data/packs")
    assert all(other[f"graham/{name.partition('/')[2]}"] != packs[name] for name in packs if name.endswith(".arrow"))
    project.write_params(before)
    assert project.repro() == []
    assert contents(project.root / "data/packs") == packs


def test_only_the_changed_photograph_is_prepared_again(clone):
    write_folder(clone.root / "data/own", patients=6)
    raw = clone.params()
    raw["data"] = {"source": "csv", "name": "own", "root": "data/own"}
    clone.write_params(raw)
    assert "12 images, 12 of them prepared now" in clone.run("dvc", "repro", "prepare").stdout
    write_photograph(clone.root / "data/own/2_left.jpeg", seed=99)
    assert "12 images, 1 of them prepared now" in clone.run("dvc", "repro", "prepare").stdout


def test_dvc_shows_metrics_and_plots(project):
    metrics = project.run("dvc", "metrics", "show", "--json").stdout
    assert "m2cnn" in metrics
    project.run("dvc", "plots", "show", "-o", "dvc_plots")
    page = (project.root / "dvc_plots/index.html").read_text()
    assert "curves.csv" in page


def test_an_identical_retraining_changes_no_run_and_no_kappa(project):
    """Only the report may run again, because it shows the training times."""
    before = contents(project.root / "runs")
    for folder in ("scratch/runs/basenet", "runs/basenet"):
        shutil.rmtree(project.root / folder)
    assert trained(project, "--force", "--single-item", "train@basenet") == {"basenet": 2}
    assert contents(project.root / "runs") == before
    assert set(project.repro()) <= {"report"}


def test_profiles_compose_with_exp_run(clone):
    small = ("-S", "data.patients={train:4,val:4,test:4}", "-S", "data.pixels=160")
    clone.run("dvc", "exp", "run", *small, "-S", "scale=tiny", "-S", "train.epochs=1", "-S", "seeds=[4]", "fetch")
    composed = clone.params()
    assert (composed["seeds"], composed["train"]["epochs"], composed["data"]["name"]) == ([4], 1, "phantom")


EDITS_DURING_FETCH = """
import os

replace = os.replace

def editing(source, target, **more):
    replace(source, target, **more)
    if os.environ.get("EDIT") and str(target).endswith("manifest.csv"):
        with open("params.yaml") as stream:
            text = stream.read()
        with open("params.yaml", "w") as stream:
            stream.write(text.replace("label_noise: 0.05", "label_noise: 0.5"))

os.replace = editing
"""


def test_parameters_edited_during_a_stage_are_never_recorded_for_its_outputs(clone):
    clone.run("dvc", "repro", "fetch")
    before = (clone.root / "data/manifest.csv").read_bytes()
    (clone.root / "sitecustomize.py").write_text(EDITS_DURING_FETCH)
    # A command that is forked from the tests' server would not load it.
    clone.environment |= {"EDIT": "yes", "PATH": os.pathsep.join((str(BIN), os.environ["PATH"]))}
    done = clone.run("dvc", "repro", "--force", "fetch", check=False)
    assert done.returncode != 0
    assert "`data` in params.yaml changed after `fundusbench fetch` had started" in done.stderr
    assert (clone.root / "data/manifest.csv").read_bytes() == before
    del clone.environment["EDIT"]
    assert clone.repro("fetch") == ["validate", "fetch"]
    after = (clone.root / "data/manifest.csv").read_bytes()
    assert after != before
    assert clone.repro("--force", "--no-run-cache", "fetch") == ["validate", "fetch"]
    assert (clone.root / "data/manifest.csv").read_bytes() == after
