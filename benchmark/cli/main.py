"""The command ``fundusbench``: one file of this package per sub-command, of which only the chosen one is imported.

Such a file has ``add_arguments(parser)`` and ``run(chosen)``, which returns 0 or nothing when it did its work and 1
when it found what it was to look for.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Collection, Sequence
from importlib import import_module

from benchmark.cli.examples import EXIT_CODES, epilog
from benchmark.cli.times import timed
from benchmark.common.errors import InputError
from benchmark.common.files import mend_of
from benchmark.common.numerics import pin_process

COMMANDS = {
    "fetch": "locate, download or generate the photographs, pass them through the checks and write the manifest",
    "check": "look for leaks, duplicates, bad files and bad labels in a data set",
    "prepare": "photographs to packs of square images per size",
    "plan": "what the pipeline will train and what that takes, before anything runs",
    "train": "train the runs of a method, or of all",
    "evaluate": "kappa of every run on val and test",
    "transfer": "predict the test splits of other data sets with every run",
    "statistics": "intervals, paired tests and verdicts",
    "architecture": "feature maps and cost of the networks",
    "saliency": "where an output is swayed, for a few test photographs per grade",
    "report": "the paper's tables, and figures, into reports/",
    "summary": "how long the stages took, and whether the tables are those kept for these parameters",
    "keep": "copy the tables and figures, and what made them, to a folder of results",
    "render-docs": "render the tables of Markdown files from csv files, and check the numbers in their prose",
    "predict": "grade photographs with finished runs",
    "verify": "recompute every table from the predictions, or compare with other tables",
    "score": "kappa, with intervals, of anyone's predictions",
    "sweep": "search over the loss weighting with Optuna, or go on with a search",
    "track": "bring MLflow up to what runs/ holds (safe to repeat)",
    "ui": "open the runs in the MLflow UI on loopback",
    "doctor": "what this machine and folder have, and what to do about what they lack",
    "completion": "print the script by which a shell completes this command",
}
"""Name of a sub-command (and of its file) -> what it does."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one sub-command.

    Returns:
        0 when it did its work, 1 when it found what it was to look for, 2 on bad input (one sentence on standard
        error, no traceback), 130 when it was stopped by hand.
    """
    pin_process()
    given = sys.argv[1:] if arguments is None else arguments
    first = next((word for word in given if not word.startswith("-")), "")
    try:
        chosen = parser_of([first]).parse_args(given)
        with timed(given):
            return chosen.run(chosen) or 0
    except InputError as error:
        print(f"fundusbench: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        # What is said where it happens is said better; this is for the rest of what disks and systems refuse.
        print(f"fundusbench: {in_words(error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("fundusbench: stopped; the same command goes on from here", file=sys.stderr)
        return 130


def in_words(error: OSError) -> str:
    """One sentence on what the system refused, and the mend."""
    what = error.filename or "what the command works on"
    return f"{what} must be within reach, but is not ({error.strerror or error}): {mend_of(error.errno)}"


def parser_of(chosen: Collection[str] = tuple(COMMANDS)) -> argparse.ArgumentParser:
    """The parser of all sub-commands, with the arguments of the chosen ones, whose files are imported."""
    as_written = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="fundusbench", description=__doc__.partition(":")[0], epilog=EXIT_CODES, formatter_class=as_written
    )
    commands = parser.add_subparsers(required=True, metavar="command")
    for name, purpose in COMMANDS.items():
        command = commands.add_parser(
            name,
            help=purpose,
            description=f"{purpose[0].upper()}{purpose[1:]}.",
            epilog=epilog(name),
            formatter_class=as_written,
        )
        if name in chosen:
            module = import_module(f"benchmark.cli.{name.replace('-', '_')}")
            module.add_arguments(command)
            command.set_defaults(run=module.run)
    return parser
