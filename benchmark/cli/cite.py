"""``fundusbench cite``: tables in Markdown files that are made of csv files, and what the prose beside them says."""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmark.common.errors import InputError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The files."""
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE.md", help="Markdown files with cited blocks")


def run(chosen: argparse.Namespace) -> int:
    """Renew every block; 1 where prose holds a figure or a verdict that no block shows."""
    from benchmark.common.files import write_text
    from benchmark.report.cited import renewed, unsupported

    found = 0
    for path in chosen.files:
        if not path.is_file():
            msg = f"a file to cite in must exist, but {path} does not: correct its name"
            raise InputError(msg)
        old = path.read_text(encoding="utf-8")
        new = renewed(old, path.parent)
        if new != old:
            write_text(path, new)
            print(f"{path}: renewed")
        for figure in unsupported(new):
            found = 1
            print(f"{path}: its prose says {figure}, which no block shows: show it, or declare it a fact")
    return found
