"""What the project's texts show: commands, and files and changes that a reader is to make."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import NamedTuple

from tests.factories.paths import ROOT

MANUAL = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/**/*.md")])
"""What tells how to use this version."""
TEXTS = [*MANUAL, *sorted(ROOT.glob("experiments/results/*/README.md"))]
"""What holds figures; those of results tell what was run then."""

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
    """The fenced blocks of a text, in reading order."""
    return [Block(m["mark"] or "", m["path"] or "", m["kind"], m["body"]) for m in _BLOCK.finditer(text)]


def commands(body: str) -> list[str]:
    """The commands that a console block shows, each on one line and without its comment."""
    lines = re.sub(r"\\\n\s*", "", body).splitlines()
    return [shlex.join(shlex.split(line[2:], comments=True)) for line in lines if line.startswith("$ ")]


def shown_commands() -> list[str]:
    """The commands of the manual, each once; what is marked as run is for the example that it belongs to."""
    shown = [block for path in MANUAL for block in blocks(path.read_text(encoding="utf-8"))]
    consoles = [block.body for block in shown if block.kind == "console" and block.mark != "run"]
    return list(dict.fromkeys(command for body in consoles for command in commands(body)))


def changed(text: str, diff: str) -> str:
    """A file's text with the lines of a diff added; those that are not new must be there, once."""
    lines = diff.splitlines()
    before = "".join(f"{line[1:]}\n" for line in lines if line[0] == " ")
    after = "".join(f"{line[1:]}\n" for line in lines)
    assert text.count(f"\n{before}") == 1, f"{before!r} is there {text.count(before)} times"
    return text.replace(f"\n{before}", f"\n{after}")


def write_shown(text: str, root: Path) -> list[str]:
    """Make the files and changes that a text shows; their paths."""
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
