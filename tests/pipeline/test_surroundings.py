"""One tiny run has the same bytes in folders of any name and in the environments that other programs leave."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import chdir
from pathlib import Path

import pytest
import yaml

from benchmark.cli.main import main
from tests.cli.test_environment import ASCII, BATCH
from tests.conftest import tiny_params
from tests.factories.paths import ROOT

pytestmark = pytest.mark.slow

STAGES = ("validate", "fetch", "prepare", "train")
FOLDERS = (
    "with blanks and 100% ?&#;",
    'it\'s "quoted" $HOME `id` \\n',
    "réti 眼 \u202efdp",
    os.fsdecode(b"not UTF-8 \xff\xfe"),
    "-rf",
    "x" * 250,
    "=1+1",
    "{a: b}, [c] *",
)
HOSTILE = {
    **ASCII,
    **BATCH["SLURM"],
    **BATCH["Kubeflow"],
    "PYTHONOPTIMIZE": "2",
    "PYTHONIOENCODING": "ascii",
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "TMPDIR": "/does/not/exist",
    "COLUMNS": "20",
    "NO_COLOR": "1",
    "TZ": "Pacific/Kiritimati",
    "OMP_NUM_THREADS": "3",
    "PYTHONHASHSEED": "7",
    "CUDA_VISIBLE_DEVICES": "",
}
COMMANDS = """
import os, sys
os.umask(0o077)
from benchmark.cli.__main__ import main
for stage in sys.argv[1:]:
    sys.argv = ["fundusbench", stage]
    if code := main():
        sys.exit(code)
"""


def start(root: Path) -> None:
    """Write the parameters of one run."""
    raw = tiny_params()
    raw["data"] |= {"patients": {"train": 4, "val": 3, "test": 3}}
    raw["prepare"] |= {"workers": 1}
    raw["seeds"], raw["systems"], raw["train"]["epochs"] = [0], {}, 1
    raw["arms"] = {"basenet": raw["arms"]["basenet"]}
    root.mkdir(exist_ok=True)
    (root / "params.yaml").write_text(yaml.safe_dump(raw))
    shutil.copy(ROOT / "dvc.yaml", root)


def made(root: Path) -> dict[str, bytes]:
    """Return the bytes of the data and of the run."""
    paths = (path for folder in ("data", "runs") for path in sorted((root / folder).rglob("*")) if path.is_file())
    return {str(path.relative_to(root)): path.read_bytes() for path in paths}


@pytest.fixture(scope="module")
def plain(shared_folder) -> dict[str, bytes]:
    def fill(root: Path) -> None:
        start(root)
        with chdir(root):
            assert [main([stage]) for stage in STAGES] == [0] * len(STAGES)

    found = made(shared_folder("surroundings", fill))
    assert [name for name in found if name.endswith("model.safetensors")]
    return found


@pytest.mark.parametrize("name", FOLDERS, ids=ascii)
def test_a_project_in_a_folder_of_any_name_makes_the_same_run(plain, tmp_path, monkeypatch, capfd, name):
    root = tmp_path / name
    start(root)
    monkeypatch.chdir(root)
    assert [main([stage]) for stage in STAGES] == [0] * len(STAGES), capfd.readouterr().err
    assert made(root) == plain
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_hostile_environment_makes_the_same_run_in_a_folder_with_a_hostile_name(plain, tmp_path):
    root = tmp_path / FOLDERS[2]
    start(root)
    environment = {name: value for name, value in os.environ.items() if name != "HOME"} | HOSTILE
    command = [sys.executable, "-c", COMMANDS, *STAGES]
    done = subprocess.run(
        command, cwd=root, env=environment | {"PYTHONPATH": str(ROOT)}, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert made(root) == plain
    # Of a umask that the user chose, nothing becomes readable to others.
    assert not [path for path in root.rglob("*") if path.stat().st_mode & 0o077 and path.parent != root]
