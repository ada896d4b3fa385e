"""params.yaml: what is refused, and whether the sentence helps."""

from __future__ import annotations

import copy
import subprocess
import sys

import pytest
import yaml

from benchmark.cli.main import main
from benchmark.common.errors import InputError
from benchmark.settings.composition import compose
from benchmark.settings.loading import load_params, parse_params
from tests.factories.paths import ROOT


@pytest.fixture
def raw():
    return yaml.safe_load((ROOT / "params.yaml").read_text())


def changed(raw, key, value):
    """A copy of the parameters with one key, given with dots, set to a value."""
    result = copy.deepcopy(raw)
    *path, last = key.split(".")
    section = result
    for part in path:
        section = section[part]
    section[last] = value
    return result


def test_the_committed_parameters_are_valid(raw):
    params = parse_params(raw)
    assert params.sizes.of("large") == raw["sizes"]["large"]
    assert params.arm("m2cnn", "large").parent == "m2cnn/mid"


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("train.epochz", 3, ["train.epochz", "not a parameter", "did you mean `epochs`"]),
        ("trian", {}, ["`trian`", "did you mean `train`"]),
        ("train.epochs", 0, ["train.epochs", "greater than or equal to 1", "got 0", "-S train.epochs="]),
        ("train.epochs", "many", ["train.epochs", "valid integer", "'many'"]),
        ("train.device", "tpu", ["train.device", "'auto', 'cpu', 'cuda' or 'mps'", "'tpu'"]),
        ("prepare.on_bad_image", "skip", ["prepare.on_bad_image", "not a parameter"]),
        ("train.sched", "cosin", ["train.sched", "'cosine', 'poly', 'step' or 'constant'", "'cosin'"]),
        ("train.precision", "bf16", ["train.precision", "'auto', '32-true' or 'bf16-mixed'", "'bf16'"]),
        (
            "prepare.colour_normalisation",
            "green",
            ["prepare.colour_normalisation", "one of clahe, graham, plain", "'green'"],
        ),
        ("sizes.mid", 500, ["sizes", "grow from small to mid to large"]),
        ("seeds", [], ["seeds", "at least 1 item"]),
        ("seeds", [1, 1], ["seeds must differ"]),
        ("losses.ce_mse.wieght", 1, ["losses.ce_mse", "'wieght'", "must be one of weight"]),
        ("losses.ce_mse.weight", -1, ["losses.ce_mse.weight", ">= 0", "-1"]),
        ("losses.focal", {}, ["a loss must be one of", "'focal'"]),
        ("arms.m2cnn.mid.from", "basenet_mt/tiny", ["`from` must name another arm", "'basenet_mt/tiny'"]),
        ("arms.basenet.mse_small.loss", "mae", ["`loss` must be one of", "'mae'"]),
        ("arms.basenet.mse_small.n_cells", 3, ["arms.basenet.mse_small.n_cells", "less than or equal to 2"]),
        ("systems.rivals", {"seeds": 1, "tta_views": 1, "nets": {}}, ["systems.rivals.nets", "at least 1 item"]),
        (
            "systems.reformed_gamblers.nets.plain.from",
            "step",
            ["systems.reformed_gamblers.nets: a network cannot start from one that starts from it, but plain does"],
        ),
        (
            "systems.reformed_gamblers.nets.step.from",
            "steep",
            ["systems.reformed_gamblers.nets: `from` must name another network, one of plain, step", "'steep'"],
        ),
        (
            "systems.o_o.nets.a_1.train",
            {"epochs": 0},
            ["systems.o_o.nets.a_1.train.epochs: ", "greater than or equal to 1", "got 0"],
        ),
        ("systems.o_o.train.batch_size", "many", ["systems.o_o.train.batch_size: ", "valid integer", "'many'"]),
        (
            "systems.zoom_in_net.nets",
            {"m": {"size": "large", "blocks": 3}},
            ["systems.zoom_in_net.nets must have a, c, c_random, which its steps read"],
        ),
        ("data.source", "imagenet", ["data.source must be one of", "'imagenet'"]),
        ("data.colour", 3, ["data.colour", "not a parameter"]),
        ("data.root", ".", ["`data.root` must not contain the project's folder", "beside the project"]),
        ("data.root", "..", ["`data.root` must not contain the project's folder", "but .. does"]),
        ("transfer.idrid", {"source": "csv", "root": "."}, ["transfer.idrid.name", "missing"]),
        ("transfer.idrid", {"source": "csv", "name": "x", "root": ".", "colour": 3}, ["transfer.idrid.colour"]),
        ("transfer.idrid", {"name": "x", "root": "."}, ["transfer.idrid.source", "missing"]),
        ("transfer.idrid", "idrid", ["transfer.idrid", "'idrid'"]),
        ("transfer", ["idrid"], ["transfer", "valid dictionary"]),
        ("transfer", {"../idrid": {"source": "csv", "name": "x", "root": "."}}, ["transfer.../idrid", "match pattern"]),
    ],
)
def test_a_wrong_parameter_names_itself_the_rule_and_the_value(raw, key, value, words):
    with pytest.raises(InputError) as caught:
        parse_params(changed(raw, key, value))
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_every_fault_is_named_at_once(raw):
    with pytest.raises(InputError) as caught:
        parse_params(changed(changed(raw, "train.epochs", 0), "train.batch_size", 0))
    assert "train.epochs" in str(caught.value)
    assert "train.batch_size" in str(caught.value)


def test_parameters_are_read_in_half_a_second_and_without_heavy_imports():
    code = "import sys; from benchmark.settings.loading import load_params; load_params(); "
    code += "print(*{'torch', 'timm', 'mlflow', 'sklearn'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True).stdout == "\n"


@pytest.mark.parametrize("command", [["train", "basenet", "mse_small"], ["plan"], ["sweep"]])
def test_a_device_that_is_not_here_is_refused_before_any_work(command, tmp_path, monkeypatch, capsys, raw):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(changed(raw, "train.device", "cuda")))
    assert main(command) == 2
    assert "train.device must be available here, but cuda requires" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["params.yaml"]


def test_a_missing_parameter_is_named(raw):
    del raw["train"]["lr"]
    with pytest.raises(InputError, match=r"train\.lr.*missing"):
        parse_params(raw)


def test_an_unknown_arm_is_refused_with_the_known_ones(raw):
    with pytest.raises(InputError, match=r"basenet/mse_small.*but got m2cnn/small"):
        parse_params(raw).arm("m2cnn", "small")


def test_a_command_ends_with_code_2_and_one_line(tmp_path, monkeypatch, capsys, raw):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(changed(raw, "train.epochs", 0)))
    assert main(["evaluate"]) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert captured.err.startswith("fundusbench: params.yaml: `train.epochs`")


def test_parameters_are_looked_for_where_the_command_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="does not exist here"):
        load_params()


def test_yaml_that_cannot_be_read_is_one_sentence(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text("train: [")
    with pytest.raises(InputError, match="valid YAML"):
        load_params(path)


def composed(*overrides):
    """Return what `dvc exp run -S ...` writes to params.yaml."""
    return compose(ROOT, overrides)


def test_the_committed_parameters_are_the_composed_default(raw):
    assert composed() == raw


def test_a_data_profile_is_added_as_another_set():
    overrides = ("+data@transfer.idrid=idrid", "transfer.idrid.root=photos", "+data@transfer.p=phantom")
    others = parse_params(composed(*overrides)).transfer
    assert {name: (other.source, other.root) for name, other in others.items()} == {
        "idrid": ("idrid", "photos"),
        "p": ("phantom", "benchmark/sources/phantom.py"),
    }


@pytest.mark.parametrize("data", sorted(p.stem for p in (ROOT / "experiments/conf/data").glob("*.yaml")))
@pytest.mark.parametrize("scale", sorted(p.stem for p in (ROOT / "experiments/conf/scale").glob("*.yaml")))
def test_every_profile_is_valid(data, scale):
    parse_params(composed(f"data={data}", f"scale={scale}"))
