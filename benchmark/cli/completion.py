"""``fundusbench completion``: print the script with which a shell completes the command."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("shell", choices=("bash", "zsh", "tcsh"), help="shell that reads the script")


def run(args: argparse.Namespace) -> None:
    """Print the script, generated from the parsers of this version."""
    import shtab

    from benchmark.cli.main import parser_of

    parser = parser_of()
    _complete_files(parser)
    print(shtab.complete(parser, shell=args.shell))


def _complete_files(parser: argparse.ArgumentParser) -> None:
    """Complete arguments that are paths as files."""
    import shtab

    # argparse has no public list of a parser's arguments and sub-parsers.
    for action in parser._actions:
        if action.type is Path or action.dest in ("image", "root"):
            action.complete = shtab.FILE  # type: ignore[attr-defined]
        elif isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                _complete_files(command)
