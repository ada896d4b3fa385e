"""The examples of the page on extending, applied to a copy of the project: they conform, and the new method trains."""

from __future__ import annotations

import shlex
import shutil
import sys
from itertools import pairwise

import pytest
import yaml

from tests.conftest import tiny_params
from tests.factories.paths import ROOT
from tests.factories.project import Project
from tests.factories.texts import blocks, commands, write_shown

pytestmark = pytest.mark.slow

TEXT = (ROOT / "docs/how-to/extend.md").read_text()


@pytest.fixture(scope="module")
def extended(tmp_path_factory) -> Project:
    """A copy of the project with all examples of the page."""
    project = Project.make(tmp_path_factory.mktemp("extended"))
    shutil.copytree(ROOT / "tests", project.root / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    assert len(write_shown(TEXT, project.root)) > 10
    return project


def shown(program: str) -> list[str]:
    """Return the command of the page that starts with a program."""
    (block,) = [block for block in blocks(TEXT) if block.mark == "run"]
    (command,) = [line for line in commands(block.body) if line.startswith(program)]
    return shlex.split(command)


def test_the_examples_pass_the_conformance_tests(extended):
    done = extended.run(sys.executable, *shown("python")[1:], "-n", "0", "-p", "no:cacheprovider", "-q", check=False)
    assert done.returncode == 0, done.stdout[-3000:]
    for name in ("mae", "middle", "montage", "green", "clinic"):
        assert name in TEXT


def test_the_examples_pass_the_linter(extended):
    made = [block.path for block in blocks(TEXT) if block.mark in ("file", "edit") and block.path.endswith(".py")]
    ruff = (sys.executable, "-m", "ruff")
    assert extended.run(*ruff, "check", *made, check=False).stdout.startswith("All checks passed")
    done = extended.run(*ruff, "format", "--check", *made, check=False)
    assert done.returncode == 0, done.stdout


def test_the_new_method_trains_with_the_new_colour_normalisation(extended):
    command = shown("dvc")
    overrides = [word for flag, word in pairwise(command) if flag == "-S"]
    composed = "import yaml; from pathlib import Path; from benchmark.settings.composition import compose; "
    composed += f"print(yaml.safe_dump(compose(Path(), {overrides!r})))"
    raw = yaml.safe_load(extended.run(sys.executable, "-c", composed).stdout)
    tiny = tiny_params()
    raw |= {key: tiny[key] for key in ("data", "sizes", "train")} | {"systems": {}, "seeds": [0]}
    extended.write_params(raw)
    method = command[-1].removeprefix("train@")
    run = "from benchmark.cli.main import main; import sys; "
    run += f"sys.exit(max(main(words) for words in (['fetch'], ['prepare'], ['train', {method!r}])))"
    extended.run(sys.executable, "-c", f"if __name__ == '__main__':\n    {run}")
    for arm in raw["arms"][method]:
        assert (extended.root / "runs" / method / arm / "0/val.csv").exists()
