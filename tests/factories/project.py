"""A copy of the project with parameters with which the whole pipeline runs in seconds."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from tests.conftest import tiny_params
from tests.factories.paths import ROOT
from tests.factories.warm import warm_commands

BIN = Path(sys.executable).parent


class Project:
    """A copy of the project's tracked files with its own git repository, DVC cache and parameters."""

    def __init__(self, root: Path) -> None:
        self.root = root
        path = os.pathsep.join((str(warm_commands()), str(BIN), os.environ["PATH"]))
        self.environment = os.environ | {"PATH": path, "DVC_NO_ANALYTICS": "1"}
        self.environment |= {"PYTHONPATH": str(root), "GIT_CONFIG_GLOBAL": os.devnull}

    @classmethod
    def make(cls, root: Path) -> Project:
        """Make a fresh clone with tiny parameters."""
        listing = ("git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard")
        for name in subprocess.run(listing, capture_output=True, text=True, check=True).stdout.split():
            if (ROOT / name).is_file() and not name.startswith(("tests/", "dvc.lock")):
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, root / name)
        made = cls(root)
        raw = tiny_params()
        # Save after each update, so that a run can be killed anywhere.
        raw["train"]["checkpoint_minutes"] = 0.0
        made.write_params(raw)
        made.run("git", "init", "-q", "-b", "main")
        made.commit()
        return made

    def copy(self, root: Path) -> Project:
        """Copy the project with all outputs to another folder."""
        shutil.copytree(self.root, root, dirs_exist_ok=True)
        return Project(root)

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command in the project and capture its output."""
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
        """Return the content of params.yaml."""
        return yaml.safe_load((self.root / "params.yaml").read_text())

    def repro(self, *arguments: str) -> list[str]:
        """Run ``dvc repro`` and return the names of the stages that it ran."""
        output = self.run("dvc", "repro", *arguments).stdout
        return [line.split("'")[1] for line in output.splitlines() if line.startswith("Running stage")]
