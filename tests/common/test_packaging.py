"""Source archives and wheels."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.factories.paths import ROOT

MADE_BY_USE = (
    ".dvc/cache/files/md5/0a/photograph.png",
    ".dvc/tmp/lock",
    "data/photographs/1_left.png",
    "scratch/runs/weights.safetensors",
    "runs/basenet/mse_small/0/val.csv",
    "reports/photographs/1_left.png",
    "reports/index.html",
    "mlflow.db",
    ".venv/bin/python",
    "benchmark/__pycache__/main.pyc",
)


@pytest.fixture(scope="module")
def tracked() -> set[str]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("the tests run outside a git checkout")
    return {name for name in listed.stdout.splitlines() if (ROOT / name).exists()}


@pytest.fixture(scope="module")
def used_checkout(tracked, tmp_path_factory) -> Path:
    """A copy of this checkout with files that the pipeline writes."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in tracked:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, folder / name)
    for name in MADE_BY_USE:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("made by use")
    return folder


def test_a_clone_that_would_have_windows_line_ends_has_the_same_bytes(tracked, tmp_path):
    command = ["git", "clone", "--quiet", "--no-checkout", "--config", "core.autocrlf=true", str(ROOT), str(tmp_path)]
    subprocess.run(command, check=True)
    names = [".gitattributes", "dvc.yaml", "benchmark/cli/main.py", "docs/images/page.png"]
    subprocess.run(["git", "checkout", "--quiet", "HEAD", "--", *names], cwd=tmp_path, check=True)
    for name in names:
        assert (tmp_path / name).read_bytes() == (ROOT / name).read_bytes(), name


def build(folder: Path, target: str) -> Path:
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", target, "-d", "dist"], cwd=folder, check=True)
    (built,) = (folder / "dist").glob("*.tar.gz" if target == "sdist" else "*.whl")
    return built


@pytest.mark.slow
def test_an_sdist_of_a_used_checkout_contains_only_tracked_files(tracked, used_checkout):
    with tarfile.open(build(used_checkout, "sdist")) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert names == tracked | {"PKG-INFO"}


@pytest.mark.slow
def test_a_wheel_declares_its_types_and_contains_no_photographs(tracked, used_checkout):
    with zipfile.ZipFile(build(used_checkout, "wheel")) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert {"benchmark/py.typed", "fundusbench/py.typed", "models/py.typed"} <= names <= tracked
    assert not any(name.startswith("experiments/results/") for name in names)
