"""Inputs that change while a stage runs make it fail, so DVC never records them for outputs of the earlier ones."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from benchmark.cli.main import main
from benchmark.cli.stage_inputs import unchanged_inputs
from benchmark.common import loaded
from benchmark.common.errors import InputError
from benchmark.data import fetch
from tests.factories.paths import ROOT


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("params.yaml", "dvc.yaml"):
        Path(name).write_text((ROOT / name).read_text())
    for name in ("data/manifest.csv", "runs/basenet/val.csv", "experiments/published/m2cnn.yaml"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text("made")


def set_param(section: str, key: str, value: object) -> None:
    raw = yaml.safe_load(Path("params.yaml").read_text())
    raw[section][key] = value
    Path("params.yaml").write_text(yaml.safe_dump(raw))


def edit_code(path: str) -> None:
    """Pretend that a module was another one when this process started."""
    loaded._AT_START[path] = None


@pytest.mark.parametrize(
    ("command", "edit", "changed"),
    [
        ("fetch", lambda: None, ""),
        ("fetch", lambda: set_param("data", "label_noise", 0.5), "`data` in params.yaml"),
        ("fetch", lambda: set_param("train", "epochs", 9), ""),
        ("train", lambda: set_param("train", "epochs", 9), "`train` in params.yaml"),
        ("prepare", lambda: set_param("prepare", "encoding", "jpeg"), "`prepare.encoding` in params.yaml"),
        ("prepare", lambda: set_param("prepare", "workers", 9), ""),
        ("prepare", lambda: Path("data/manifest.csv").write_text("other"), "data/manifest.csv"),
        ("evaluate", lambda: Path("runs/basenet/val.csv").unlink(), "runs/basenet/val.csv"),
        ("evaluate", lambda: Path("runs/new.csv").write_text(""), "runs/new.csv"),
        ("statistics", lambda: Path("experiments/published/m2cnn.yaml").write_text("x"), "published/m2cnn.yaml"),
        ("evaluate", lambda: Path("experiments/published/m2cnn.yaml").write_text("x"), ""),
        ("score", lambda: set_param("data", "label_noise", 0.5), ""),
    ],
)
def test_a_changed_input_of_the_stage_is_refused_and_others_are_not(command, edit, changed):
    if not changed:
        with unchanged_inputs(command):
            edit()
        return
    refused = pytest.raises(InputError, match=rf"{changed} changed after `fundusbench {command}` had started")
    with refused, unchanged_inputs(command):
        edit()


def test_edited_code_of_the_stage_is_refused(tmp_path, monkeypatch):
    module = Path("benchmark/report/render.py")
    module.parent.mkdir(parents=True)
    module.write_text("")
    monkeypatch.setitem(loaded._AT_START, str(module), loaded._AT_START[str(module)])
    with unchanged_inputs("evaluate"):
        edit_code(str(module))
    with pytest.raises(InputError, match=r"benchmark/report/render\.py was edited"), unchanged_inputs("report"):
        pass


def test_the_command_exits_with_2(monkeypatch, capsys):
    monkeypatch.setattr(fetch, "run", lambda params: set_param("data", "label_noise", 0.5))
    assert main(["fetch"]) == 2
    assert "`data` in params.yaml changed after `fundusbench fetch` had started" in capsys.readouterr().err
