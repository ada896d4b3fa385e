"""``fundusbench init``: a copy of the project with a folder of photographs as its default data."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from benchmark.cli.main import main
from benchmark.common.files import PROJECT
from benchmark.settings.composition import compose
from benchmark.settings.loading import load_params
from tests.bad_inputs.running import is_one_sentence, outcome

pytestmark = pytest.mark.skipif(not (PROJECT / ".git").exists(), reason="a copy is made by git")


@pytest.fixture
def photographs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for grade, word in enumerate(("No DR", "Mild", "Moderate")):
        for number in range(4):
            path = tmp_path / f"eyes of 2026/{word}/{grade}{number}_left.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    return tmp_path / "eyes of 2026"


def test_the_copy_trains_on_the_photographs_by_default(photographs, capsys):
    assert main(["init", "mine", "--photographs", "eyes of 2026"]) == 0
    out = capsys.readouterr().out
    assert "data: 12 photographs in " in out
    assert "labels of folders per grade" in out
    assert "photographs per grade 0-4: 4, 4, 4, 0, 0" in out
    params = load_params(Path("mine/params.yaml"))
    assert (params.data.name, params.data.root) == ("eyes-of-2026", str(photographs))
    assert (params.seeds, params.systems, params.sizes.large) == ([0, 1], {}, 206)
    assert compose(Path("mine")) == yaml.safe_load(Path("mine/params.yaml").read_text())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("eyes of 2026", "--photographs", "eyes of 2026"), "must be a new folder"),
        (("eyes of 2026/mine", "--photographs", "eyes of 2026"), "must be outside the photographs' folder"),
        (("mine", "--photographs", "nowhere"), "nowhere"),
        (
            ("mine", "--photographs", "eyes of 2026", "--scale", "hug"),
            "--scale must be one of hours, paper, quick, tiny",
        ),
    ],
)
def test_a_wrong_argument_is_refused_before_anything_is_copied(photographs, capsys, arguments, words):
    code, _, err = outcome(capsys, "init", *arguments)
    assert (code, is_one_sentence(err)) == (2, True)
    assert words in err
    assert not Path("mine").exists()
