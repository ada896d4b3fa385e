"""Arms with settings of their own: merged with the sections, validated, told apart, and trained again alone."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from benchmark.cli.main import main
from benchmark.cli.plan import count_trainings
from benchmark.common.errors import InputError
from benchmark.common.terms import Arm
from benchmark.report.named_arms import add_own_settings, name_own_settings, own_settings
from benchmark.report.table import Row, Table
from benchmark.runs.consistency import check_run_consistency
from benchmark.runs.declared import resolve_runs
from benchmark.settings.loading import parse_params
from benchmark.sweep.space import published, values_of, variant
from tests.conftest import tiny_params
from tests.factories.paths import ROOT
from tests.factories.runs import make_result

OWN = {
    "model": {"dropout": 0.1},
    "losses": {"ce_mse": {"weight": 0.5}},
    "train": {"lr": 0.01, "augment": {"flip": False}},
    "prepare": {"colour_normalisation": "graham"},
}
MINE = Arm("mine", "grey")


def with_arm(**settings):
    """Return the tiny parameters with the arm ``mine/grey``."""
    raw = tiny_params()
    raw["systems"] = {}
    raw["arms"]["mine"] = {"grey": {"loss": "ce_mse", "size": "mid"} | settings}
    return raw


def keys(raw) -> dict[str, str]:
    """Return the key of each declared run."""
    return {spec.name: spec.key for spec in resolve_runs(parse_params(raw), [])}


def test_settings_of_an_arm_are_merged_with_those_of_all_arms():
    params = parse_params(with_arm(**OWN))
    own = params.of(MINE)
    assert (own.train.lr, own.train.augment.flip, own.train.augment.brightness) == (0.01, False, 0.1)
    assert (own.model.dropout, own.model.backbone) == (0.1, params.model.backbone)
    assert own.loss_parameters("ce_mse") == {"weight": 0.5}
    assert own.prepare.colour_normalisation == "graham"
    assert params.of(Arm("basenet", "mse_small")) == params
    assert params.own_settings(MINE) == {
        "prepare.colour_normalisation": "graham",
        "model.dropout": 0.1,
        "train.lr": 0.01,
        "train.augment.flip": False,
        "losses.ce_mse.weight": 0.5,
    }


def test_a_value_that_all_arms_have_is_no_setting_of_its_own():
    assert parse_params(with_arm(train={"lr": 0.003})).own_settings(MINE) == {}


@pytest.mark.parametrize(
    ("own", "start"),
    [
        ({"dropout": 0.1}, ("w.safetensors", False)),
        ({"backbone": "resnet18"}, ("", False)),
        ({"pretrained": True}, ("", True)),
        ({"backbone": "resnet18", "weights": "r.safetensors"}, ("r.safetensors", False)),
    ],
)
def test_an_arm_with_another_backbone_does_not_take_the_weights_of_the_shared_one(own, start):
    raw = with_arm(model=own)
    raw["model"]["weights"] = "w.safetensors"
    model = parse_params(raw).of(MINE).model
    assert (model.weights, model.pretrained) == start


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"train": {"epochs": -1}}, "arms.mine.grey.train.epochs: should be greater than or equal to 1, but got -1"),
        ({"train": {"lrr": 1}}, "arms.mine.grey.train.lrr is not a parameter"),
        ({"train": {"augment": {"flop": 1}}}, "arms.mine.grey.train.augment.flop is not a parameter"),
        ({"train": {"device": "cpu"}}, "arms.mine.grey.train.device must be the same for all arms"),
        ({"train": {"processes": 2}}, "arms.mine.grey.train.processes must be the same for all arms"),
        ({"train": {"grad_accum_steps": 8}}, "arms.mine.grey.train.grad_accum_steps must leave two images or more"),
        ({"train": 3}, "`arms.mine.grey.train` should be a valid dictionary"),
        ({"model": {"backbone": 3}}, "arms.mine.grey.model.backbone: should be a valid string, but got 3"),
        ({"model": {"pretrained": True, "weights": "x"}}, "must have one set of weights"),
        ({"losses": {"mse": {}}}, "arms.mine.grey.losses must hold parameters of its own loss, ce_mse"),
        ({"losses": {"ce_mse": {"wait": 1}}}, "arms.mine.grey.losses.ce_mse: a key must be one of weight"),
        ({"losses": {"ce_mse": {"weight": -1}}}, "arms.mine.grey.losses.ce_mse.weight must be a number >= 0"),
        ({"prepare": {"colour_normalisation": "green"}}, "must be one of clahe, graham"),
        ({"prepare": {"crop": 0.5}}, "`arms.mine.grey.prepare.crop` is not a parameter"),
        ({"lr": 0.1}, "`arms.mine.grey.lr` is not a parameter"),
        (
            {"match": "images", "of": "m2cnn/mid", "train": {"epochs": 3}},
            "arms.mine.grey.train.epochs must be absent, because `match` determines the epochs",
        ),
    ],
)
def test_wrong_settings_of_an_arm_are_refused_by_name(settings, words):
    with pytest.raises(InputError) as caught:
        parse_params(with_arm(**settings))
    assert words in str(caught.value)


def test_an_edit_of_one_arm_changes_the_keys_of_its_runs_alone():
    before = keys(with_arm())
    after = keys(with_arm(**OWN))
    assert {name for name in before if before[name] != after[name]} == {"mine/grey/0", "mine/grey/1"}
    # Settings in the section and those of the arm are one thing.
    raw = with_arm()
    raw["train"]["lr"] = 0.01
    assert keys(raw)["mine/grey/0"] == keys(with_arm(train={"lr": 0.01}))["mine/grey/0"]


def test_a_run_with_other_settings_than_its_arm_declares_is_refused():
    params = parse_params(with_arm(n_cells=1, train={"lr": 0.01}))
    trained = make_result(params, *MINE, 0)
    check_run_consistency(params, [trained.model_copy(update={"train": params.of(MINE).train})])
    with pytest.raises(InputError, match=r"train\.lr 0\.003 instead of 0\.01"):
        check_run_consistency(params, [trained.model_copy(update={"train": params.train})])


def test_a_plan_measures_such_an_arm_by_itself():
    (own,) = (one for one, _ in count_trainings(parse_params(with_arm(train={"epochs": 7})), None) if one.arm == "grey")
    assert (own.epochs, own.net, own.own) == (7, "mine/grey", {"train.epochs": 7})


def test_a_sweep_varies_the_arms_own_value():
    raw = with_arm(train={"lr": 0.01})
    raw["sweep"] |= {"arm": "mine/grey", "space": {"train.lr": {"low": 0.001, "high": 0.1, "log": True}}}
    params = parse_params(raw)
    assert published(params) == {"train.lr": 0.01}
    assert values_of(params)["train.lr"] == 0.01
    assert variant(params, {"train.lr": 0.05}, [7]).of(MINE).train.lr == 0.05
    assert variant(params, {"train.weight_decay": 0.5}, [7]).of(MINE).train.weight_decay == 0.5


def test_labels_and_captions_name_the_settings():
    own = own_settings(parse_params(with_arm(train={"lr": 0.01})))
    rows = [Row("", label, ()) for label in ("mine/grey: scores", "a - mine/grey", "mine/grey2", "of_mine/grey")]
    table = name_own_settings(Table("T", "Kappa.", ("arm",), rows, (), ()), own)
    assert [row.label for row in table.rows] == [
        "mine/grey (train.lr 0.01): scores",
        "a - mine/grey (train.lr 0.01)",
        "mine/grey2",
        "of_mine/grey",
    ]
    assert table.caption == "Kappa. Arms with settings that differ from the others': mine/grey: train.lr 0.01."
    assert add_own_settings("Kappa.", own, [Arm("basenet", "mse_small")]) == "Kappa."


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"train": {"epochs": -1}}, "train.epochs"),
        ({"train": {"opt": "adamm"}}, "adamm"),
        ({"model": {"backbone": "resnet19"}}, "resnet19"),
        ({"model": {"weights": "none.safetensors"}}, "no file 'none.safetensors'"),
        ({"n_cells": 2, "size": "small"}, "mine/grey cannot be built: a Reduction Cell-B needs"),
    ],
)
def test_the_first_stage_refuses_what_no_stage_could_train(tmp_path, monkeypatch, capsys, settings, words):
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(yaml.safe_dump(with_arm(**settings)))
    assert main(["validate"]) == 2
    assert words in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["params.yaml"]


def test_every_stage_waits_for_the_first_one():
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    stages = {name: stage.get("do", stage) for name, stage in stages.items()}
    after, found = {"data/declared/valid.txt", "data/declared/packs.json"}, {"validate"}
    while ready := {name for name in stages.keys() - found if after & set(stages[name]["deps"])}:
        found |= ready
        outs = (out if isinstance(out, str) else next(iter(out)) for name in ready for out in stages[name]["outs"])
        after |= {part for out in outs for part in (out, out.split("/")[0])}
    assert found == set(stages)
    read = {"arms", "losses", "model", "prepare", "seeds", "sizes", "systems", "train", "transfer"}
    assert read <= set(stages["validate"]["params"])
