"""Code that was edited after a process started is found, also if the edit was undone."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from tests.factories.paths import ROOT

EDITS = {
    "nothing": None,
    "another file": lambda loss, other: other.write_text("x = 2"),
    "an edit": lambda loss, other: loss.write_text("x = 2"),
    "an edit that was undone": lambda loss, other: (loss.write_text("x = 2"), loss.write_text("x = 1")),
    "an edit that was undone with its time": lambda loss, other: (
        shutil.copy2(loss, other.parent / "kept"),
        loss.write_text("x = 2"),
        shutil.copy2(other.parent / "kept", loss),
    ),
    "a replacement": lambda loss, other: other.replace(loss),
    "a removal": lambda loss, other: loss.unlink(),
}
WAITS = """
import sys
from benchmark.common.errors import InputError
from benchmark.common.loaded import require_unedited
print("started", flush=True)
sys.stdin.readline()
for paths in (["models/loss.py"], None):
    try:
        require_unedited(paths)
        print("unchanged")
    except InputError as error:
        print(error)
"""


@pytest.mark.parametrize("edit", EDITS)
def test_every_edit_after_the_start_is_found(tmp_path, edit):
    for name in ("__init__", "common/__init__", "common/errors", "common/files", "common/loaded"):
        target = tmp_path / f"benchmark/{name}.py"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / f"benchmark/{name}.py", target)
    loss, other = tmp_path / "models/loss.py", tmp_path / "models/other.py"
    loss.parent.mkdir()
    for path in (loss, other):
        path.write_text("x = 1")
    process = subprocess.Popen(
        [sys.executable, "-c", WAITS],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
    )
    assert process.stdout.readline() == "started\n"
    if EDITS[edit]:
        EDITS[edit](loss, other)
    named, any_file = process.communicate("go\n", timeout=60)[0].splitlines()
    found = "models/loss.py was edited after this command started"
    assert (found in named) == (edit not in ("nothing", "another file"))
    assert (any_file == "unchanged") == (edit == "nothing")
