"""The manual's commands, run as shown in a finished project; those run elsewhere are listed with their tests."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmark.cli.main import main
from tests.factories.paths import ROOT
from tests.factories.photographs import write_folder, write_table
from tests.factories.texts import shown_commands

pytestmark = pytest.mark.slow

IDS = [f"{patient}_{eye}" for patient in range(30) for eye in ("left", "right")]


def labelled() -> None:
    write_table(Path(), [{"image": name, "level": place // 2 % 5} for place, name in enumerate(IDS)])


def predicted() -> None:
    """Write labels and two files of scores."""
    labelled()
    for name, off in (("predictions.csv", 0.2), ("other.csv", 0.7)):
        write_table(Path(), [{"image": i, "score": place // 2 % 5 + off} for place, i in enumerate(IDS)], name)


def ambiguous() -> None:
    """Write labels and a file with two columns that could hold the prediction."""
    labelled()
    rows = [{"image": name, "score": 0.5, "pred": place // 2 % 5} for place, name in enumerate(IDS)]
    write_table(Path(), rows, "predictions.csv")


def given() -> None:
    """Write predictions for val and test, as those of another program."""
    for split in ("val", "test"):
        for name in (split, f"{split}_0", f"{split}_1"):
            shutil.copy(f"runs/m2cnn/mid/{name[-1:] if '_' in name else 0}/{split}.csv", f"{name}.csv")


def photographed() -> None:
    """Write a folder of photographs with a table that has Kaggle's columns."""
    ids = write_folder(Path("DIR"), patients=6)
    usage = ("Public", "Private", "train")
    write_table(Path("DIR"), [{"image": i, "level": n // 2 % 5, "Usage": usage[n // 4]} for n, i in enumerate(ids)])


def as_it_is() -> None:
    """Leave the finished project as it is."""


RUN: dict[str, Callable[[], None]] = {
    "fundusbench plan --no-measure --json": as_it_is,
    "fundusbench check": as_it_is,
    "fundusbench check --source csv --root DIR --table DIR/labels.csv --out found": photographed,
    "fundusbench check --source csv --root DIR --columns split=Usage --labels-only": photographed,
    "fundusbench train": as_it_is,
    "fundusbench train m2cnn": as_it_is,
    "fundusbench predict data/photographs": as_it_is,
    "fundusbench predict data/photographs --arm m2cnn/mid --out grades.csv": as_it_is,
    "fundusbench predict data/photographs --run basenet_mt/small/0 --json": as_it_is,
    "fundusbench predict 'data/photographs/*/1_left.jpeg' --overlay seen.png": as_it_is,
    "fundusbench score predictions.csv other.csv --labels labels.csv": predicted,
    "fundusbench score predictions.csv --labels labels.csv --columns prediction=pred": ambiguous,
    "fundusbench score runs/m2cnn/mid/0/val.csv runs/basenet_mt/small/0/val.csv --labels data/manifest.csv": as_it_is,
    "fundusbench keep experiments/results/phantom": as_it_is,
    "fundusbench add mine --val val.csv --test test.csv": given,
    "fundusbench add mine --val val.csv --test test.csv --source 'our network, 2026'": given,
    "fundusbench add mine --val val_0.csv val_1.csv --test test_0.csv test_1.csv --eyes both --nets 3": given,
}
"""Each command with a function that writes the files it needs."""
ELSEWHERE = {
    "fundusbench plan": "tests/cli/test_plan.py",
    "fundusbench doctor": "tests/cli/test_doctor.py",
    **dict.fromkeys(
        (
            "fundusbench completion bash '>' '~/.local/share/bash-completion/completions/fundusbench'",
            "fundusbench completion zsh '>' '~/.zfunc/_fundusbench'",
        ),
        "tests/cli/test_help.py",
    ),
    "fundusbench init ../mine --photographs /path/to/photographs": "tests/cli/test_init.py",
    "fundusbench verify": "tests/pipeline/test_pipeline.py",
    "fundusbench verify --json": "tests/cli/test_verify.py",
    "fundusbench verify --against ../other-clone": "tests/cli/test_verify.py",
    "fundusbench render-docs experiments/results/phantom/README.md README.md": "tests/report/test_doc_tables.py",
    "fundusbench sweep": "tests/sweep/test_sweep.py",
    "fundusbench sweep --space train.lr=1e-4:1e-2:log train.batch_size=8,16": "tests/sweep/test_space.py",
    "fundusbench sweep --workers 4": "tests/sweep/test_postgres.py",
    "fundusbench track": "tests/pipeline/test_pipeline.py",
    "fundusbench track --register dr-grading": "tests/tracking/test_model.py",
    "fundusbench export m2cnn/mid/0 --out m2cnn-mid": "tests/evaluation/test_photographs.py",
    "fundusbench predict data/photographs --folder m2cnn-mid": "tests/evaluation/test_photographs.py",
    "fundusbench compare HEAD": "tests/cli/test_verify.py",
    "fundusbench compare split0 split1 split2": "tests/cli/test_splits.py",
    "fundusbench ui --port 5050": "tests/tracking/test_server.py",
}
"""Each command that another test runs, with that test's file."""


def test_every_command_of_the_manual_has_a_test():
    shown = [command for command in shown_commands() if command.startswith("fundusbench ")]
    assert set(shown) == {*RUN, *ELSEWHERE}
    assert all((ROOT / path).exists() for path in ELSEWHERE.values())


@pytest.fixture(scope="module")
def workshop(finished, tmp_path_factory):
    return finished.copy(tmp_path_factory.mktemp("workshop"))


@pytest.mark.parametrize("command", RUN)
def test_a_command_of_the_manual_runs_as_shown(workshop, command, monkeypatch, capsys):
    monkeypatch.chdir(workshop.root)
    RUN[command]()
    assert main(shlex.split(command)[1:]) == 0
    assert capsys.readouterr().out or "keep" in command


def test_summary_prints_json(workshop, monkeypatch, capsys):
    monkeypatch.chdir(workshop.root)
    assert main(["summary", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert [stage["stage"] for stage in printed["stages"]][-1] == "all stages"
    assert (printed["identical"] is None) == printed["comparison"].endswith("no reference results")


def test_keep_writes_the_time_of_each_stage(workshop, monkeypatch):
    monkeypatch.chdir(workshop.root)
    assert main(["keep", "kept"]) == 0
    stages = [line.split(",")[0] for line in Path("kept/stages.csv").read_text().splitlines()]
    assert stages[0] == "stage"
    assert stages[-1] == "all stages"
    assert {"fetch", "train m2cnn", "report"} <= set(stages)
