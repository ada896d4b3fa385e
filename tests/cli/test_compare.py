"""Two experiments side by side: folders, and revisions whose tables DVC holds."""

from __future__ import annotations

import json
import shutil

import pytest
import yaml

from benchmark.cli.compare import Kappa, compared
from benchmark.cli.main import main
from benchmark.settings.differences import differing, from_default
from tests.factories.paths import ROOT

KEPT = ROOT / "experiments/results"


def shown(capsys, *arguments: str):
    code = main(["compare", *arguments, "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_an_experiment_differs_from_itself_in_nothing(capsys):
    code, values = shown(capsys, str(KEPT / "phantom"), str(KEPT / "phantom"))
    assert (code, values["parameters"]) == (0, {})
    assert all(row["difference"][0] == 0 for row in values["arms"])
    assert {row["method"] for row in values["arms"]} >= {"basenet", "basenet_mt", "m2cnn", "controls"}


def test_parameters_and_arms_that_differ_are_shown_and_drawn_eyes_are_named(tmp_path, capsys):
    shutil.copytree(KEPT / "phantom", tmp_path / "mine")
    params = yaml.safe_load((tmp_path / "mine/params.yaml").read_text())
    params["train"]["lr"], params["tracking"] = 0.5, {"experiment": "other"}
    del params["systems"]["huang"]
    (tmp_path / "mine/params.yaml").write_text(yaml.safe_dump(params))
    rows = (tmp_path / "mine/metrics.csv").read_text().splitlines(keepends=True)
    (tmp_path / "mine/metrics.csv").write_text("".join(row for row in rows if ",m2cnn,large," not in row))
    code, values = shown(capsys, str(KEPT / "phantom"), str(tmp_path / "mine"))
    assert code == 0
    assert set(values["parameters"]) == {"train.lr", "systems.huang"}
    assert values["parameters"]["train.lr"][1] == 0.5
    alone = [row for row in values["arms"] if row["second"] is None]
    assert {(row["method"], row["arm"], row["difference"]) for row in alone} == {("m2cnn", "large", None)}
    assert "drawn eyes" in values["data"][0]
    assert main(["compare", str(KEPT / "phantom"), str(KEPT / "retinamnist")]) == 0
    assert "The data differ" in capsys.readouterr().out


def test_what_a_side_lacks_is_worded_as_in_every_comparison_of_parameters(tmp_path, capsys):
    shutil.copytree(KEPT / "phantom", tmp_path / "mine")
    params = yaml.safe_load((tmp_path / "mine/params.yaml").read_text())
    del params["systems"]["huang"], params["train"]["lr"]
    params["seeds"] = [0, 1]
    params["model"] |= {"weights": "/home/me/w.safetensors", "weights_sha256": "ab"}
    (tmp_path / "mine/params.yaml").write_text(yaml.safe_dump(params))
    assert main(["compare", str(KEPT / "phantom"), str(tmp_path / "mine")]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["train.lr", "0.003", "absent"] in lines
    assert ["systems.huang", "declared", "absent"] in lines
    shutil.copytree(ROOT / "experiments/conf", tmp_path / "mine/experiments/conf")
    assert from_default(tmp_path / "mine") == [
        "seeds 0, 1 (default 0, 1, 2, 3, 4)",
        "model.weights w.safetensors (default absent)",
        "train.lr absent (default 0.003)",
        "without systems.huang",
    ]
    assert from_default(tmp_path) is None


def test_the_interval_of_a_difference_combines_those_of_both_sides():
    key = ("basenet", "large", "score")
    (row,) = compared({key: Kappa(0.5, 0.4, 0.6, "0 1")}, {key: Kappa(0.7, 0.66, 0.73, "0 1")})
    assert row["difference"] == pytest.approx((0.2, 0.2 - 0.11662 + 0.0089, 0.2 + (0.03**2 + 0.1**2) ** 0.5), abs=2e-2)


def test_a_section_on_one_side_alone_is_one_entry():
    assert differing({"a": {"b": 1, "c": 2}}, {"a": {"b": 1}, "d": {"e": 1}}) == {
        "a.c": (2, None),
        "d": (None, {"e": 1}),
    }


@pytest.mark.parametrize(
    ("where", "reason"),
    [("", "an empty name"), ("no-such-revision", "compare takes a folder"), (".", "run `dvc repro`")],
)
def test_a_side_without_tables_is_refused_with_its_fix(where, reason, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["compare", str(KEPT / "phantom"), where]) == 2
    assert reason in capsys.readouterr().err
