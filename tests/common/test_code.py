"""The hash of a result's code covers exactly the files that its modules import."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from benchmark.common import code
from tests.factories.paths import ROOT

KEYS = ("benchmark/runs/declared.py", "benchmark/training/loop.py", "benchmark/training/blend.py")
"""Modules that determine a run's key."""
STAGES = {
    "validate": ("benchmark/settings/params.py", "benchmark/settings/data_loading.py"),
    "fetch": ("benchmark/data/fetch.py", "benchmark/settings/data_loading.py"),
    "prepare": ("benchmark/data/prepare.py", "benchmark/settings/data_loading.py"),
    "train": KEYS,
    "train_system": KEYS,
    "evaluate": ("benchmark/evaluation/evaluate.py",),
    "transfer": ("benchmark/evaluation/transfer.py",),
    "statistics": ("benchmark/statistics/statistics.py",),
    "architecture": ("benchmark/evaluation/architecture.py",),
    "saliency": ("benchmark/evaluation/saliency.py",),
    "report": ("benchmark/report/report.py",),
    "sweep": ("benchmark/sweep/sweep.py",),
}
"""Modules that determine the results of each stage of dvc.yaml."""
UNWATCHED = [
    str(p.relative_to(ROOT)) for name in ("dispatch", "jobs") for p in (ROOT / "benchmark" / name).glob("*.py")
]
"""Modules that start jobs and display their progress; no stage depends on them."""


def stage(name: str) -> dict:
    made = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"][name]
    return made.get("do", made)


def test_every_stage_of_the_pipeline_is_listed():
    assert set(yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]) == set(STAGES)


def plugins(files: tuple[Path, ...]) -> list[str]:
    """Return the folders of plug-ins imported by name; only the data stages import those of data sets."""
    folders = [str(path.parent) for path in files if path.name == "registry.py"]
    reads_sources = Path("benchmark/settings/data_loading.py") in files
    return [folder for folder in folders if reads_sources or folder != "benchmark/sources"]


@pytest.mark.parametrize("name", STAGES)
def test_dvc_watches_every_file_that_a_stage_reaches(name):
    files = code.closure(*STAGES[name], without=UNWATCHED)
    files = code.closure(*STAGES[name], *plugins(files), without=UNWATCHED)
    watched = [Path(dep) for dep in stage(name)["deps"] if "$" not in dep]
    missed = [file for file in files if not any(file.is_relative_to(dep) for dep in watched)]
    # A package's __init__.py may have only a docstring.
    assert not [str(file) for file in missed if code._bare((ROOT / file).read_text())]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["fetch", "prepare"])
def test_the_data_stages_do_not_import_models(name):
    files = code.closure(*STAGES[name], *plugins(code.closure(*STAGES[name])))
    assert not [str(path) for path in files if path.parts[0] == "models"]
    roots = ("benchmark/cli/main.py", "benchmark/cli/stages.py", *STAGES[name])
    modules = ", ".join(path.removesuffix(".py").replace("/", ".") for path in roots)
    found = f"import sys, {modules}; print([name for name in sys.modules if name.split('.')[0] in ('models', 'torch')])"
    done = subprocess.run([sys.executable, "-c", found], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """A copy of the project's code that a test may change."""
    for package in ("benchmark", "models"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(code, "PROJECT", tmp_path)
    return tmp_path


def changed(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


MADE = "benchmark/made.py"
TEXT = """
def f(x):
    if x:
        msg = f"{x} must be 0"
        raise ValueError(msg)
    if x is None:
        raise TypeError("x must be given")
    return 1
"""


def hashed(folder: Path, text: str) -> str:
    (folder / MADE).write_text(text)
    return code.code_sha256(MADE)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("\ndef", '"""Another text."""\n\n\n# A comment.\ndef'),
        ("return 1", "return 1  # of course"),
        ("    return 1", "\n    return 1  "),
        ('f"{x} must be 0"', '(\n            f"{x} must be 0, ä: "\n            "set it"\n        )'),
        ('"x must be given"', '\n            "say x",\n        '),
    ],
)
def test_comments_docstrings_blanks_and_error_messages_do_not_change_the_hash(copy, old, new):
    assert old in TEXT
    assert hashed(copy, TEXT) == hashed(copy, TEXT.replace(old, new))


@pytest.mark.parametrize(("old", "new"), [("return 1", "return 2"), ("if x:", "if not x:"), ("Value", "Key")])
def test_any_other_edit_changes_the_hash(copy, old, new):
    assert old in TEXT
    assert hashed(copy, TEXT) != hashed(copy, TEXT.replace(old, new))


def test_imports_inside_functions_are_followed_and_those_for_type_checkers_are_not(copy):
    (copy / "benchmark/late.py").write_text("def f():\n    from models.losses import mse\n    return mse\n")
    (copy / "benchmark/typed.py").write_text(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from models.losses import mse\n"
    )
    assert Path("models/losses/mse.py") in code.closure("benchmark/late.py")
    assert Path("models/losses/mse.py") not in code.closure("benchmark/typed.py")


def test_other_versions_of_libraries_change_the_hash(monkeypatch):
    before = code.code_sha256("models", libraries=("torch",))
    monkeypatch.setattr(code, "version", lambda _: "0.0.0")
    assert code.code_sha256("models", libraries=("torch",)) != before


def test_changed_image_processing_changes_the_recipe(copy):
    from benchmark.images import recipe

    before = recipe.recipe_of("plain")
    changed(copy / "benchmark/images/fov.py", "return whole if height == width", "return whole if height != width")
    assert recipe.recipe_of("plain") != before
    assert recipe.recipe_of("graham") != recipe.recipe_of("clahe")
