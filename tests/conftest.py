"""How the tests share the machine, and a copy of the project so small that the whole pipeline runs in seconds."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmark.common.resources import core_count
from tests.made.paths import ROOT

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")
if WORKER:
    # Read when torch loads: each worker has a core to itself.
    os.environ["OMP_NUM_THREADS"] = "1"
PEAK = "peak memory in MB"
peaks: dict[str, int] = {}
BIN = Path(sys.executable).parent


def pytest_xdist_auto_num_workers() -> int:
    """Of ``-n logical``."""
    return core_count()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Let a worker tell how much memory it took."""
    if WORKER:
        kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        session.config.workeroutput[PEAK] = kib // (1024 if sys.platform != "darwin" else 1024**2)  # type: ignore[attr-defined]


def pytest_testnodedown(node: Any) -> None:
    """Take down what a worker tells."""
    peaks[node.gateway.id] = getattr(node, "workeroutput", {}).get(PEAK, 0)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show how much memory the workers took."""
    if peaks:
        terminalreporter.write_line(f"{PEAK}: {', '.join(f'{name} {peak}' for name, peak in sorted(peaks.items()))}")


def tiny_params() -> dict[str, Any]:
    """The committed parameters, cut down: few patients, one epoch or two, one arm per stage."""
    raw = yaml.safe_load((ROOT / "params.yaml").read_text())
    raw["data"] |= {"patients": {"train": 16, "val": 10, "test": 10}, "pixels": 160}
    raw["sizes"] = {"small": 32, "mid": 48, "large": 64}
    raw["train"] |= {"epochs": 2, "batch": 8, "workers": 1}
    raw["seeds"] = [0, 1]
    raw["arms"] = {
        "basenet": {"mse_small": {"objective": "mse", "size": "small"}},
        "basenet_mt": {"small": {"objective": "ce_mse", "size": "small"}},
        "m2cnn": {"mid": {"objective": "ce_mse", "size": "mid", "level": 2, "from": "basenet_mt/small"}},
        "controls": {},
    }
    return raw


class Project:
    """A copy of the project's tracked files, under its own git and DVC, with parameters of its own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.environment = os.environ | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "DVC_NO_ANALYTICS": "1"}
        self.environment |= {"PYTHONPATH": str(root), "GIT_CONFIG_GLOBAL": os.devnull}
        listed = self._out("git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard")
        for name in listed.split():
            if (ROOT / name).is_file() and not name.startswith(("tests/", "dvc.lock")):
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, root / name)
        self.write_params(tiny_params())
        self.run("git", "init", "-q", "-b", "main")
        self.commit()

    def _out(self, *command: str) -> str:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command in the project; its output is kept."""
        done = subprocess.run(command, cwd=self.root, env=self.environment, capture_output=True, text=True)
        if check and done.returncode:
            raise AssertionError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
        return done

    def commit(self) -> None:
        """Commit the whole tree."""
        who = ("-c", "user.name=test", "-c", "user.email=test@example.org")
        self.run("git", "add", "-A")
        self.run("git", *who, "commit", "-q", "--allow-empty", "-m", "state")

    def write_params(self, raw: dict[str, Any]) -> None:
        """Replace params.yaml."""
        (self.root / "params.yaml").write_text(yaml.safe_dump(raw, sort_keys=False))

    def params(self) -> dict[str, Any]:
        """The project's parameters."""
        return yaml.safe_load((self.root / "params.yaml").read_text())

    def repro(self, *arguments: str) -> list[str]:
        """``dvc repro``; the names of the stages that it ran."""
        output = self.run("dvc", "repro", *arguments).stdout
        return [line.split("'")[1] for line in output.splitlines() if line.startswith("Running stage")]


@pytest.fixture(scope="session")
def make_project(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Project]:
    """Makes a project; each call gives another copy."""
    return lambda: Project(tmp_path_factory.mktemp("project"))
