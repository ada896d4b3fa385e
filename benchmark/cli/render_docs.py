"""``fundusbench render-docs``: render the tables of Markdown files from csv files and check the prose around them."""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmark.common.errors import InputError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE.md", help="Markdown files with table blocks")


def run(args: argparse.Namespace) -> int:
    """Render every block; return 1 if prose has a decimal number or a verdict that no block shows."""
    from benchmark.common.files import write_text
    from benchmark.report.doc_tables import render_tables, unsupported

    code = 0
    for path in args.files:
        if not path.is_file():
            msg = f"a Markdown file must exist, but {path} does not: correct its name"
            raise InputError(msg)
        old = path.read_text(encoding="utf-8")
        new = render_tables(old, path.parent)
        if new != old:
            write_text(path, new)
            print(f"{path}: updated")
        for text in unsupported(new):
            code = 1
            print(f"{path}: {text!r} is in the prose but in no table block: show it in a block, or declare it a fact")
    return code
