"""Damaged files between `fetch` and `prepare`: the same commands end with the same bytes, or name file and mend.

What a refusal advises is done, and must work.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path

import pytest
import yaml

from benchmark.cli.main import main
from tests.bad_inputs.running import is_one_sentence, outcome
from tests.conftest import tiny_params
from tests.factories.paths import ROOT
from tests.training.test_damage import DAMAGES

pytestmark = pytest.mark.slow

KINDS = {
    "photograph": "data/photographs/**/*.jpeg",
    "hashes of photographs": "data/photographs/**/drawn.sha256",
    "manifest": "data/manifest.csv",
    "checks": "data/checks.csv",
    "shortcuts": "data/shortcuts.csv",
    "pack": "data/packs/**/train.arrow",
    "shortcuts of packs": "data/packs/shortcuts.csv",
    "inspected photographs": "scratch/checks.sqlite",
}


def made(root: Path) -> dict[str, bytes]:
    paths = (path for path in sorted((root / "data").rglob("*")) if path.is_file())
    return {str(path.relative_to(root)): path.read_bytes() for path in paths if path.suffix != ".damaged"}


@pytest.fixture(scope="module")
def whole(shared_folder) -> Path:
    return shared_folder("damaged_data", fill)


def fill(root: Path) -> None:
    raw = tiny_params()
    raw["data"] |= {"patients": {"train": 4, "val": 3, "test": 3}}
    raw["prepare"] |= {"workers": 1}
    (root / "params.yaml").write_text(yaml.safe_dump(raw))
    shutil.copy(ROOT / "dvc.yaml", root)
    with chdir(root):
        assert [main([stage]) for stage in ("validate", "fetch", "prepare")] == [0, 0, 0]


@pytest.fixture
def project(whole, tmp_path, monkeypatch) -> Path:
    shutil.copytree(whole, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


def one_of(pattern: str) -> Path:
    return max((path for path in Path().glob(pattern) if path.is_file()), key=lambda path: path.stat().st_size)


def advised(err: str, file: Path) -> Iterator[tuple[str, ...]]:
    """Do by hand what a sentence advises, and yield the commands that it names."""
    if re.search(rf"(remove|delete) (it|{re.escape(str(file))})", err):
        file.unlink()
    for command in re.findall(r"`fundusbench ([^`]+)`", err):
        yield tuple(command.split())
    if "`dvc repro`" in err:
        yield from (("fetch",), ("prepare",))


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_damaged_data_end_with_the_same_bytes_or_a_sentence_whose_advice_works(whole, project, capsys, kind, damage):
    file = one_of(KINDS[kind])
    file.write_bytes(DAMAGES[damage](file.read_bytes()))
    # The command that writes a table does not read it; the next one does.
    for stage in ("prepare", "fetch", "prepare"):
        code, _, err = outcome(capsys, stage)
        if code:
            assert (code, is_one_sentence(err)) == (2, True), err
            # A damaged hash in the manifest is told as a photograph that differs from the manifest.
            assert file.stem in err
            for command in (*advised(err, file), (stage,)):
                assert outcome(capsys, *command)[0] == 0, err
    assert made(project) == made(whole)
