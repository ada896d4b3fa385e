"""What a result's identity is: of every file that its code reaches, and of nothing else."""

from __future__ import annotations

import ast
import shutil
from pathlib import Path

import pytest
import yaml

from benchmark.common import code
from benchmark.runs.declared import CODE
from tests.made.paths import ROOT

STAGES = {
    "fetch": "benchmark/data/fetch.py",
    "prepare": "benchmark/data/prepare.py",
    "train": "benchmark/dispatch/train.py",
    "evaluate": "benchmark/evaluation/evaluate.py",
    "transfer": "benchmark/evaluation/transfer.py",
    "statistics": "benchmark/statistics/statistics.py",
    "architecture": "benchmark/evaluation/architecture.py",
    "saliency": "benchmark/evaluation/saliency.py",
    "report": "benchmark/report/report.py",
    "sweep": "benchmark/sweep/sweep.py",
}
"""Stage of dvc.yaml -> the module that does it."""


def stage(name: str) -> dict:
    made = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"][name]
    return made.get("do", made)


def test_every_stage_of_the_pipeline_has_its_module():
    assert set(yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]) == set(STAGES)


def plugins(files: tuple[Path, ...]) -> list[str]:
    """Folders whose files are imported by their names at run time."""
    return [str(path.parent) for path in files if path.name == "registry.py"]


@pytest.mark.parametrize("name", STAGES)
def test_dvc_watches_every_file_that_a_stage_reaches(name):
    files = code.closure(STAGES[name])
    files = code.closure(STAGES[name], *plugins(files))
    watched = [Path(dep) for dep in stage(name)["deps"] if "$" not in dep]
    missed = [str(f) for f in files if not any(f.is_relative_to(w) for w in watched)]
    # The package's own file is a docstring.
    assert missed == ["benchmark/__init__.py"]


@pytest.mark.parametrize("path", sorted(str(p.relative_to(ROOT)) for p in (ROOT / "models").rglob("*.py")))
def test_the_key_of_a_run_hashes_every_file_of_the_models(path):
    assert Path(path) in code.closure(*CODE)


@pytest.mark.parametrize(
    "path",
    [
        "benchmark/training/loop.py",
        "benchmark/training/augment.py",
        "benchmark/training/checkpoint.py",
        "benchmark/training/device.py",
        "benchmark/common/numerics.py",
        "benchmark/data/packs.py",
        "benchmark/images/encoding.py",
        "benchmark/runs/epochs.py",
        "benchmark/scoring/kappa.py",
        "benchmark/scoring/decoders/nearest.py",
    ],
)
def test_the_key_of_a_run_hashes_what_training_reaches(path):
    assert Path(path) in code.closure(*CODE)


def test_the_key_of_a_run_hashes_nothing_that_comes_after_it():
    rooms = {path.parts[1] for path in code.closure(*CODE) if path.parts[0] == "benchmark"}
    assert not rooms & {"evaluation", "statistics", "report", "tracking", "sweep", "cli"}


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """The project's code elsewhere, to be changed."""
    for package in ("benchmark", "models"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(code, "PROJECT", tmp_path)
    forget()
    yield tmp_path
    monkeypatch.undo()
    forget()


def forget() -> None:
    for cached in (code.closure, code._imported, code._bare):
        cached.cache_clear()


def changed(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    forget()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("models/losses/mse.py", "return ", "return 3 * "),
        ("models/losses/registry.py", '{"weight": 1.0}', '{"weight": 2.0}'),
        ("models/heads/regression.py", "nn.Linear(channels, 1)", "nn.Linear(channels, 1, bias=False)"),
        ("benchmark/runs/epochs.py", "max(1, round(", "max(2, round("),
        ("benchmark/scoring/decoders/nearest.py", "return ", "return 0 * "),
        ("benchmark/scoring/kappa.py", "return ", "return 0 * "),
        ("benchmark/data/packs.py", "return ", "return None or "),
        ("benchmark/training/checkpoint.py", "return Progress(**", "return None or Progress(**"),
    ],
)
def test_a_change_of_what_determines_a_run_changes_its_key(copy, path, old, new):
    before = code.code_sha256(*CODE)
    changed(copy / path, old, new)
    ast.parse((copy / path).read_text())
    assert code.code_sha256(*CODE) != before


def test_comments_docstrings_and_blanks_change_nothing(copy):
    before = code.code_sha256(*CODE)
    path = copy / "models/losses/mse.py"
    text = path.read_text()
    (doc, *_) = ast.parse(text).body
    lines = text.splitlines()[doc.end_lineno :]
    path.write_text('"""Another text."""\n# A comment.\n\n' + "\n".join(f"{line}  " if line else "" for line in lines))
    forget()
    assert code.code_sha256(*CODE) == before


def test_a_file_that_is_added_to_a_folder_is_hashed_without_being_listed(copy):
    before = code.code_sha256(*CODE)
    (copy / "models/losses/added.py").write_text("WEIGHT = 1\n")
    forget()
    assert code.code_sha256(*CODE) != before


def test_an_import_inside_a_function_counts_and_one_for_type_checkers_does_not(copy):
    (copy / "benchmark/late.py").write_text("def f():\n    from models.losses import mse\n    return mse\n")
    (copy / "benchmark/typed.py").write_text(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from models.losses import mse\n"
    )
    assert Path("models/losses/mse.py") in code.closure("benchmark/late.py")
    assert Path("models/losses/mse.py") not in code.closure("benchmark/typed.py")


def test_other_versions_of_libraries_are_another_identity(monkeypatch):
    before = code.code_sha256("models", libraries=("torch",))
    monkeypatch.setattr(code, "version", lambda _: "0.0.0")
    assert code.code_sha256("models", libraries=("torch",)) != before


def test_new_pixels_under_an_old_recipe_are_never_used(copy):
    from benchmark.images import recipe

    before = recipe.recipe_of("plain")
    changed(copy / "benchmark/images/fov.py", "return ", "return 255 - ")
    assert recipe.recipe_of("plain") != before
    assert recipe.recipe_of("graham") != recipe.recipe_of("clahe")
