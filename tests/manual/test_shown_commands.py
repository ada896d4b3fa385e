"""Every command in the README and the manual is valid.

Each is parsed by its program's own parser; the overrides of ``-S`` are composed from the profiles and validated, as DVC
and the stages do. ``tests/pipeline/test_shown_commands.py`` runs the commands of ``fundusbench``.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
from argparse import ArgumentParser, Namespace
from itertools import pairwise, takewhile

import pytest
import yaml

from benchmark.cli.main import COMMANDS, parser_of
from benchmark.settings.composition import compose
from benchmark.settings.loading import parse_params
from tests.factories.paths import ROOT
from tests.factories.texts import shown_commands

NOT_PARSED = {
    **dict.fromkeys(
        ("initdb", "postgres", "createdb", "su"),
        "commands of PostgreSQL; tests/factories/postgres.py starts such a server",
    ),
    "uv": "the installer",
    "curl": "queries a server; tests/tracking/test_model.py sends the same request",
    "export": "a shell builtin",
    "source": "a shell builtin",
    "cd": "a shell builtin",
    "optuna-dashboard": "its parser is inside its main function, so only the installation is checked",
}
SHOWN = [shlex.split(command) for command in shown_commands()]


def of(program: str) -> list[list[str]]:
    found = [words for words in SHOWN if words[0] == program]
    assert found, f"no text shows {program}"
    return found


def parsed(parser: ArgumentParser, words: list[str]) -> Namespace:
    try:
        return parser.parse_args(words)
    except SystemExit:
        pytest.fail(f"{' '.join(words)} is not accepted")


def test_every_program_is_checked():
    assert {words[0] for words in SHOWN} == {"fundusbench", "make", "dvc", "mlflow", "ray", "torchrun", *NOT_PARSED}
    assert shutil.which("optuna-dashboard")


@pytest.mark.parametrize("words", of("fundusbench"), ids=" ".join)
def test_fundusbench_accepts_the_command(words):
    assert words[1] in COMMANDS
    parsed(parser_of([words[1]]), list(takewhile(">".__ne__, words[1:])))


@pytest.mark.parametrize("words", of("make"), ids=" ".join)
def test_make_has_the_target(words):
    done = subprocess.run(["make", "--dry-run", *words[1:]], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_dvc_accepts_its_commands_and_has_the_stages():
    from dvc.cli.parser import get_main_parser

    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    known = {*stages, "sweep@weight"}
    for stage, key in (("train", "arms"), ("train_system", "systems")):
        assert stages[stage]["foreach"] == f"${{{key}}}"
        known |= {f"{stage}@{method}" for method in params[key]}
    for words in of("dvc"):
        assert {*(getattr(parsed(get_main_parser(), words[1:]), "targets", None) or ())} <= known, words


@pytest.mark.parametrize("words", [words for words in of("dvc") if "-S" in words], ids=" ".join)
def test_overrides_compose_to_valid_parameters(words):
    overrides = [word for flag, word in pairwise(words) if flag == "-S"]
    params = parse_params(compose(ROOT, overrides))
    assert params.seeds


@pytest.mark.slow
def test_ray_and_torch_accept_their_commands():
    pytest.importorskip("ray", reason="Ray is not installed: it is the extra `cluster`")
    from ray.scripts.scripts import cli
    from torch.distributed.run import get_args_parser

    for words in of("ray"):
        assert cli.commands[words[1]].make_context(words[1], words[2:])
    for words in of("torchrun"):
        assert parsed(get_args_parser(), words[1:]).training_script == "benchmark.cli"


@pytest.mark.slow
def test_mlflow_accepts_its_command():
    from mlflow.models.cli import commands

    for words in of("mlflow"):
        assert words[1] == "models"
        assert commands.commands[words[2]].make_context(words[2], words[3:]).params["model_uri"]
