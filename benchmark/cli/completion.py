"""``fundusbench completion``: the script by which a shell completes the command."""

from __future__ import annotations

import argparse
from pathlib import Path

SHELLS = ("bash", "zsh", "tcsh")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("shell", choices=SHELLS, help="that reads the script")


def run(chosen: argparse.Namespace) -> None:
    """Print the script, made of the parsers of this version."""
    import shtab

    from benchmark.cli.main import parser_of

    parser = parser_of()
    _complete_files(parser)
    print(shtab.complete(parser, shell=chosen.shell))


def _complete_files(parser: argparse.ArgumentParser) -> None:
    """Let arguments that are paths be completed as such."""
    import shtab

    # argparse names the parsers below a parser nowhere else.
    for action in parser._actions:
        if action.type is Path or action.dest in ("image", "root"):
            action.complete = shtab.FILE  # type: ignore[attr-defined]
        elif isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                _complete_files(below)
