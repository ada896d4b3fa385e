"""Training through the Python interface, on data that a small network learns in seconds."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
from contextlib import chdir
from dataclasses import replace
from functools import partial, partialmethod
from itertools import count
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml

from benchmark.common.errors import InputError
from benchmark.data.manifest import read_manifest, write_manifest
from benchmark.dispatch import train
from benchmark.runs.declared import resolve_arm, resolve_runs
from benchmark.runs.predictions import read_predictions
from benchmark.runs.results import read_result
from benchmark.runs.run_store import RECORD
from benchmark.scoring.kappa import confusion_matrix, quadratic_weighted_kappa
from benchmark.settings.loading import parse_params
from benchmark.training import device, loop, predict
from benchmark.training.batches import load_split
from tests.conftest import ROOT, tiny_params
from tests.factories.data import make_data

pytestmark = pytest.mark.slow

SIZES = {"small": 24, "mid": 40, "large": 64}
COUNTS = {"train": 96, "val": 48, "test": 32}


def params(**changes):
    raw = tiny_params()
    raw["sizes"] = SIZES
    raw["train"] |= {"epochs": 6, "batch_size": 16, "lr": 0.01, **changes}
    return parse_params(raw)


@pytest.fixture
def project(tmp_path, monkeypatch):
    make_data(tmp_path, SIZES, COUNTS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def one_seed(**changes):
    return params(**changes).model_copy(update={"seeds": [0]})


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """A function that returns the files of a method's uninterrupted runs, trained once per set of parameters."""
    made = {}

    def find(method, wanted):
        key = (method, wanted.model_dump_json())
        if key not in made:
            root = tmp_path_factory.mktemp("undisturbed")
            make_data(root, SIZES, COUNTS)
            with chdir(root):
                train.run(wanted, [method])
            made[key] = outputs(root)
        return made[key]

    return find


def outputs(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in sorted((root / "runs").rglob("*")) if p.is_file()}


def test_an_undeclared_method_is_refused_with_the_place_to_declare_it(project):
    with pytest.raises(InputError, match=r"must be a key of `arms` or `systems` .* but got basement.* `dvc exp run`"):
        train.run(params(), ["basement"])


def test_finished_runs_are_not_trained_again_wherever_they_are(project, capsys):
    """The run store, or ``runs/`` alone, as after `dvc pull`."""
    wanted = one_seed(epochs=1)
    assert 0 < train.run(wanted) <= 1.1
    before = outputs(project)
    assert train.run(wanted) == 0
    shutil.rmtree(project / "scratch")
    assert train.run(wanted) == 0
    assert outputs(project) == before
    assert capsys.readouterr().out.count(" 0 of them trained now") == 2


def test_a_stage_without_new_runs_imports_no_torch(project):
    raw = tiny_params()
    raw["sizes"] = SIZES
    raw["train"] |= {"epochs": 1}
    Path("params.yaml").write_text(yaml.safe_dump(raw))
    train.run(parse_params(raw), ["basenet"])
    run = "from benchmark.cli.main import main; main(['train', 'basenet'])"
    code = f"import sys; {run}; sys.exit('torch' in sys.modules)"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    assert subprocess.run([sys.executable, "-c", code], check=False, env=environment).returncode == 0


def test_a_parent_run_of_another_method_is_trained_first(project):
    wanted = one_seed(epochs=1)
    train.run(wanted, ["m2cnn"])
    assert {folder.name for folder in (project / "runs").iterdir()} == {"m2cnn"}
    before = {path.name: path.read_bytes() for path in project.glob("scratch/runs/basenet_mt/small/0/*/*.csv")}
    train.run(wanted, ["basenet_mt"])
    assert before["val.csv"] == (project / "runs/basenet_mt/small/0/val.csv").read_bytes()
    child, parent = (read_result(project / f"runs/{run}/0") for run in ("m2cnn/mid", "basenet_mt/small"))
    assert child.parent_key == parent.key


@pytest.mark.parametrize(
    ("section", "key", "name", "words"),
    [
        ("train", "opt", "adamww", r"train\.opt must be .* got 'adamww' \(did you mean adamw or "),
        ("systems", "min_pooling", {"opt": "bnbadam"}, r"train\.opt must be .* got 'bnbadam' \(CUDA required"),
        ("model", "backbone", "resnett50", r"model\.backbone must be .* got 'resnett50' \(did you mean resnet50"),
    ],
)
def test_a_name_unknown_to_timm_is_refused_before_training(project, section, key, name, words):
    raw = params().model_dump(by_alias=True)
    if section == "systems":
        raw[section][key]["train"] |= name
    else:
        raw[section][key] = name
    with pytest.raises(InputError, match=words):
        train.run(parse_params(raw), ["basenet"])
    assert not list(project.glob("scratch/runs/*/*/*/*")) + list(project.glob("runs/*"))


def test_training_learns_and_writes_its_outputs(project):
    train.run(one_seed(), ["basenet"])
    folder = project / "runs/basenet/mse_small/0"
    result = read_result(folder)
    assert (result.pixels, result.heads, result.epoch_kept, result.flags) == (24, ["score"], 6, [])
    assert (result.data.train, result.data.val, result.data.test) == (96, 48, 32)
    history = pd.read_csv(folder / "history.csv")
    assert list(history.epoch) == [1, 2, 3, 4, 5, 6]
    assert list(history.images) == [96 * i for i in range(1, 7)]
    assert history.train_loss.iloc[-1] < history.train_loss.iloc[0]
    assert history.val_kappa_prob.isna().all()
    predictions = read_predictions(folder / "val.csv")
    assert predictions.prob is None
    rows = [row for row in read_manifest() if row.split == "val"]
    assert predictions.patient.tolist() == [row.patient for row in rows]
    assert predictions.eye.tolist() == [row.eye for row in rows]
    grades = np.clip(np.round(predictions.score), 0, 4).astype(int)
    kappa = quadratic_weighted_kappa(confusion_matrix(predictions.grade, grades))
    assert kappa > 0.6
    assert kappa == pytest.approx(history.val_kappa_score.iloc[-1], abs=0.02)
    record = json.loads((project / "records/basenet/mse_small/0.json").read_text())
    assert record["images_per_second"] > 0
    assert 0 <= record["wait_share"] < 1
    assert not list((project / "scratch").rglob("checkpoint.safetensors"))


def test_parallel_runs_are_limited_by_cores_and_memory_but_at_least_one(monkeypatch):
    monkeypatch.setattr(train, "core_count", lambda: 4)
    for free, workers in ((0.5, 1), (1, 1), (2.9, 2), (99, 4)):
        monkeypatch.setattr(train, "free_memory", lambda free=free: int(free * train.WORKER_BYTES))
        found = train.count_workers(params(parallel_runs=0, device="cpu"))
        assert (found, type(found)) == (workers, int)
    assert train.count_workers(params(parallel_runs=7)) == 7


def test_equal_parameters_give_equal_bytes_and_another_seed_others(project, undisturbed):
    first = undisturbed("basenet_mt", params(epochs=3))
    train.run(params(epochs=3), ["basenet_mt"])
    assert outputs(project) == first
    assert first["runs/basenet_mt/small/0/val.csv"] != first["runs/basenet_mt/small/1/val.csv"]


@pytest.mark.parametrize("backend", ["aot_eager", pytest.param("inductor", marks=pytest.mark.nightly)])
def test_a_compiled_network_learns_the_same(project, monkeypatch, backend):
    """The first backend takes the default one's graphs, forward and backward, but writes and compiles no C++ code."""
    compiling = partialmethod(torch.nn.Module.compile, backend=backend)
    monkeypatch.setattr(torch.nn.Module, "compile", compiling)
    predictions = {}
    for compiled in (False, True):
        train.run(one_seed(epochs=2, lr=1e-3, compile=compiled, precision="32-true"), ["basenet_mt"])
        predictions[compiled] = read_predictions(project / "runs/basenet_mt/small/0/test.csv")
        predict.load_model(project / "runs/basenet_mt/small/0")
    assert np.allclose(predictions[True].score, predictions[False].score, atol=0.05)
    assert np.allclose(predictions[True].prob, predictions[False].prob, atol=0.05)


def test_the_training_core_needs_neither_tracker_nor_pipeline(project):
    absent = ["mlflow", "dvc", "optuna", "sklearn", "seaborn", "matplotlib", "medmnist", "kaggle", "pooch"]
    script = f"""
import sys
sys.modules |= dict.fromkeys({absent}, None)
from benchmark.dispatch import train
from benchmark.settings.loading import load_params
train.run(load_params(), ["basenet_mt"])
"""
    raw = tiny_params()
    raw["sizes"] = SIZES
    raw["train"] |= {"epochs": 1}
    Path("params.yaml").write_text(yaml.safe_dump(raw))
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", script], check=True, env=environment)
    assert Path("runs/basenet_mt/small/0/test.csv").exists()


def test_other_pixels_of_the_same_photographs_retrain_a_run(project, capsys):
    few = {"epochs": 1}
    train.run(one_seed(**few), ["basenet"])
    plain = outputs(project)
    make_data(project, SIZES, COUNTS, encoding="jpeg")
    train.run(one_seed(**few), ["basenet"])
    assert capsys.readouterr().out.count("1 of them trained now") == 2
    assert outputs(project)["runs/basenet/mse_small/0/val.csv"] != plain["runs/basenet/mse_small/0/val.csv"]
    make_data(project, SIZES, COUNTS)
    train.run(one_seed(**few), ["basenet"])
    assert "0 of them trained now" in capsys.readouterr().out
    assert outputs(project) == plain


def test_a_child_starts_from_its_parent_of_the_same_seed(project):
    train.run(params(epochs=1, lr=1e-9), ["basenet_mt", "m2cnn"])
    for seed in ("0", "1"):
        parent = predict.load_model(project / "runs/basenet_mt/small" / seed).backbone.state_dict()
        child = predict.load_model(project / "runs/m2cnn/mid" / seed).backbone.state_dict()
        weights = [name for name in parent if name.endswith("weight")]
        assert weights
        assert all(torch.allclose(parent[name], child[name], atol=1e-6) for name in weights)
    result = read_result(project / "runs/m2cnn/mid/0")
    assert result.parent == "basenet_mt/small"
    assert result.parent_key == read_result(project / "runs/basenet_mt/small/0").key


def test_an_untrained_parent_is_refused(project):
    made = params()
    spec = next(spec for spec in resolve_runs(made, read_manifest()) if spec.name == "m2cnn/mid/0")
    splits = {split: load_split(split, "plain/mid", read_manifest()) for split in ("train", "val")}
    with pytest.raises(
        InputError, match=r"m2cnn/mid seed 0 is made from basenet_mt/small/0.*run `fundusbench train basenet_mt`"
    ):
        train.complete(spec, splits, device.open_fabric(made.train), Path("orphan"))


@pytest.mark.parametrize("stops", [(1,), (4, 3), (6,), (9,), (30,)])
def test_a_run_stopped_after_any_update_ends_bit_identical(project, monkeypatch, undisturbed, stops):
    made = one_seed(checkpoint_minutes=0.0)
    whole = undisturbed("basenet_mt", made)

    class Stop(BaseException):
        pass

    save = loop.save_checkpoint

    def save_then_stop(left, *arguments):
        save(*arguments)
        if next(left) == 0:
            raise Stop

    for updates in stops:
        with monkeypatch.context() as patch:
            patch.setattr(loop, "save_checkpoint", partial(save_then_stop, count(updates - 1, -1)))
            with pytest.raises(Stop):
                train.run(made, ["basenet_mt"])
    train.run(made, ["basenet_mt"])
    assert outputs(project) == whole
    record = json.loads((project / "records/basenet_mt/small/0.json").read_text())
    assert record["resumed"] == len(stops)


def test_a_checkpoint_of_other_parameters_is_not_resumed(project, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(loop, "_finish", stop)
        with pytest.raises(KeyboardInterrupt):
            train.run(one_seed(), ["basenet"])
    assert list((project / "scratch/runs/basenet/mse_small/0").glob("*/checkpoint.safetensors"))
    train.run(one_seed(lr=0.005), ["basenet"])
    record = json.loads((project / "records/basenet/mse_small/0.json").read_text())
    assert record["resumed"] == 0


def test_select_epoch_best_predicts_with_the_best_epoch_on_val(project):
    train.run(one_seed(select_epoch="best", epochs=5), ["basenet_mt"])
    folder = project / "runs/basenet_mt/small/0"
    history = pd.read_csv(folder / "history.csv")
    assert read_result(folder).epoch_kept == history.val_kappa_score.idxmax() + 1
    predictions = read_predictions(folder / "val.csv")
    grades = np.clip(np.floor(predictions.score + 0.5), 0, 4).astype(int)
    kappa = quadratic_weighted_kappa(confusion_matrix(predictions.grade, grades))
    assert kappa == pytest.approx(history.val_kappa_score.max(), abs=1e-9)


def test_the_first_of_equally_good_epochs_is_selected(project, monkeypatch):
    kappas = iter([0.5, 0.7, 0.7, 0.6, 0.7, 0.1])
    monkeypatch.setattr(loop, "default_kappa", lambda head, predictions: next(kappas))
    monkeypatch.setattr(loop, "_collapsed", lambda predictions, head: False)
    raw = params(select_epoch="best").model_copy(update={"seeds": [0]})
    train.run(raw, ["basenet"])
    assert read_result(project / "runs/basenet/mse_small/0").epoch_kept == 2


def test_test_labels_affect_neither_weights_nor_selection(project):
    train.run(one_seed(select_epoch="best"), ["basenet"])
    before = outputs(project)
    manifest = read_manifest()
    write_manifest([replace(row, grade=4 - row.grade) if row.split == "test" else row for row in manifest])
    train.run(one_seed(select_epoch="best"), ["basenet"])
    for name in ("model.safetensors", "val.csv", "history.csv"):
        assert outputs(project)[f"runs/basenet/mse_small/0/{name}"] == before[f"runs/basenet/mse_small/0/{name}"]


@pytest.mark.parametrize(
    ("changes", "weight", "words"),
    [
        ({"lr": 9.0, "clip_grad": 0.0, "opt": "sgd", "warmup_fraction": 0.0}, 1.0, "the loss"),
        ({}, 1e38, "the norm of the gradients"),
    ],
)
def test_a_loss_or_gradient_that_is_not_finite_stops_and_names_the_run(project, changes, weight, words):
    raw = params(**changes).model_dump(by_alias=True)
    raw["losses"]["ce_mse"]["weight"] = weight
    with pytest.raises(InputError, match=rf"{words} must stay finite.*basenet_mt/small seed 0.*lower `train\.lr`"):
        train.run(parse_params(raw), ["basenet_mt"])
    assert not list((project / "runs").rglob("run.json"))


def test_a_head_that_predicts_one_grade_for_all_of_val_flags_its_run(project, capsys):
    train.run(one_seed(epochs=1, lr=1e-9), ["basenet"])
    result = read_result(project / "runs/basenet/mse_small/0")
    assert result.flags == ["collapsed:score"]
    assert "basenet/mse_small/0: val kappa scores 0.000, collapsed:score" in capsys.readouterr().err


def test_training_needs_neither_mlflow_nor_dvc():
    import subprocess
    import sys

    code = "import benchmark.dispatch.train, sys\n"
    code += "print([m for m in ('mlflow', 'dvc', 'sklearn', 'seaborn') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ, check=True)
    assert done.stdout.strip() == "[]"


def test_accumulated_gradients_make_the_same_update_without_batch_norm(project):
    """Two micro-batches of 8 images give the weights of one batch of 16, with SGD and without batch norm."""
    raw = tiny_params()
    raw["sizes"] = SIZES
    raw["model"] |= {"backbone": "test_convnext"}
    raw["seeds"] = [0]
    states = []
    for accumulate in (1, 2):
        raw["train"] |= {
            "epochs": 1,
            "batch_size": 16,
            "opt": "sgd",
            "precision": "32-true",
            "grad_accum_steps": accumulate,
        }
        train.run(parse_params(raw), ["basenet_mt"])
        states.append(predict.load_model(project / "runs/basenet_mt/small/0").state_dict())
    assert all(torch.allclose(states[0][name], states[1][name], atol=1e-4) for name in states[0])


def splits_of(made, *names):
    manifest = read_manifest()
    splits = {split: load_split(split, "plain/small", manifest) for split in names}
    return splits, resolve_arm(made, "basenet", "mse_small", manifest)[0]


def test_the_epoch_callback_is_called_once_per_epoch_and_may_stop_the_run(project):
    made = params()
    splits, spec = splits_of(made, "train", "val")
    seen = []

    def stop(history):
        seen.append([row["val_kappa_score"] for row in history])
        if len(history) == 4:
            raise LookupError

    scratch, fabric = Path("followed"), device.open_fabric(made.train)
    with pytest.raises(LookupError):
        train.complete(spec, splits, fabric, scratch, loop.Callbacks(epoch=stop))
    assert (scratch / "checkpoint.safetensors").exists()
    train.complete(spec, splits, fabric, scratch, loop.Callbacks(epoch=lambda history: seen.append(list(history))))
    assert [len(history) for history in seen] == [1, 2, 3, 4, 5, 6]
    train.complete(spec, splits, fabric, scratch, loop.Callbacks(epoch=stop))
    assert len(seen) == 6


def test_an_absent_split_is_not_predicted(project):
    made = params(epochs=1)
    (project / "data/packs/plain/small/test.arrow").unlink()
    splits, spec = splits_of(made, "train", "val")
    train.complete(spec, splits, device.open_fabric(made.train), Path("blind"))
    assert (project / "blind/val.csv").exists()
    assert not (project / "blind/test.csv").exists()


def test_running_out_of_memory_names_the_settings_to_change(project, monkeypatch):
    def full(*_):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(loop, "augment", full)
    with pytest.raises(
        InputError, match=r"16 images of 24 px in 1 micro-batch.*`train\.grad_accum_steps` to 2.*`sizes\.small"
    ):
        train.run(params(), ["basenet"])


@pytest.mark.parametrize("keep", ["last", "best"])
@pytest.mark.parametrize("stopped_at", ["save_tensors", "write_predictions", "write_text", "write_result"])
def test_a_run_stopped_at_any_final_write_ends_bit_identical(project, monkeypatch, undisturbed, keep, stopped_at):
    made = one_seed(select_epoch=keep, epochs=2)
    whole = undisturbed("basenet", made)
    finish, write = loop._finish, getattr(loop, stopped_at)

    class Stop(BaseException):
        pass

    def stop(*_, **__):
        raise Stop

    def finish_until(training):
        patch.setattr(loop, stopped_at, stop)
        return finish(training)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "_finish", finish_until)
        with pytest.raises(Stop):
            train.run(made, ["basenet"])
    assert getattr(loop, stopped_at) is write
    train.run(made, ["basenet"])
    assert outputs(project) == whole
    assert {path.name for path in Path("scratch/runs/basenet/mse_small/0").glob("*/*")} == {
        *read_result(Path("runs/basenet/mse_small/0")).files,
        RECORD,
    }


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc returns freed memory so eagerly")
def test_memory_freed_by_a_step_is_reused_by_the_next():
    """Page faults of freshly mapped memory took half of a step's time at 206 px."""
    counted = """
import resource
import torch
from benchmark.settings.training import Train
from benchmark.training.device import open_fabric
open_fabric(Train(epochs=1, batch_size=8, lr=0.1, device="cpu"))
def faults(blocks):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(blocks):
        torch.ones(16 << 20)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
faults(30)
print(faults(10))
"""
    done = subprocess.run([sys.executable, "-c", counted], cwd=ROOT, capture_output=True, text=True, check=True)
    pages_of_a_block = (64 << 20) // resource.getpagesize()
    assert int(done.stdout) < 2 * pages_of_a_block
