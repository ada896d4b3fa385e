"""Commands, files and changes that the project's texts show to the reader."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import NamedTuple

from tests.factories.paths import ROOT

MANUAL = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/**/*.md")])
"""Texts on the use of this version."""
TEXTS = [*MANUAL, *sorted(ROOT.glob("experiments/results/*/README.md"))]
"""Texts with figures, including those of committed results, which may be of an earlier version."""

_BLOCK = re.compile(
    r"(?:<!-- (?P<mark>[a-z]+)(?: (?P<path>\S+))? -->\n)?```(?P<kind>\w+)\n(?P<body>.*?)^```$", re.S | re.M
)


class Block(NamedTuple):
    """A fenced block and the comment before it: ``<!-- file PATH -->``, ``<!-- edit PATH -->`` or ``<!-- run -->``."""

    mark: str
    path: str
    kind: str
    body: str


def blocks(text: str) -> list[Block]:
    """Return the fenced blocks of a text in order."""
    return [Block(m["mark"] or "", m["path"] or "", m["kind"], m["body"]) for m in _BLOCK.finditer(text)]


def commands(body: str) -> list[str]:
    """Return the commands of a console block, each on one line and without its comment."""
    lines = re.sub(r"\\\n\s*", "", body).splitlines()
    return [shlex.join(shlex.split(line[2:], comments=True)) for line in lines if line.startswith("$ ")]


def shown_commands() -> list[str]:
    """Return the distinct commands of the manual, except those marked as run, which the tests of examples run."""
    all_blocks = [block for path in MANUAL for block in blocks(path.read_text(encoding="utf-8"))]
    consoles = [block.body for block in all_blocks if block.kind == "console" and block.mark != "run"]
    return list(dict.fromkeys(command for body in consoles for command in commands(body)))


def changed(text: str, diff: str) -> str:
    """Return a text with the added lines of a diff; the context lines must occur exactly once."""
    lines = diff.splitlines()
    before = "".join(f"{line[1:]}\n" for line in lines if line[0] == " ")
    after = "".join(f"{line[1:]}\n" for line in lines)
    assert text.count(f"\n{before}") == 1, f"{before!r} is there {text.count(before)} times"
    return text.replace(f"\n{before}", f"\n{after}")


def write_shown(text: str, root: Path) -> list[str]:
    """Make the files and changes that a text shows, and return their paths."""
    made = []
    for block in blocks(text):
        path = root / block.path
        if block.mark == "file":
            assert not path.exists(), path
            path.write_text(block.body)
        elif block.mark == "edit":
            path.write_text(changed(path.read_text(), block.body))
        else:
            continue
        made.append(block.path)
    return made
