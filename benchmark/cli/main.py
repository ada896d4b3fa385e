"""The command ``fundusbench``: only the file of the chosen sub-command is imported.

A sub-command is a stage (``stages.py``) or has a file of its name, which defines ``add_arguments(parser)`` and
``run(args)``. ``run`` returns the exit code, or None for 0.
"""

from __future__ import annotations

import argparse
import io
import os
import select
import sys
import tempfile
from collections.abc import Collection, Sequence
from importlib import import_module
from importlib.metadata import version
from typing import TextIO

import benchmark.common.loaded  # noqa: F401 - it notes the state of the code before the other modules are imported
from benchmark.cli.times import TIMED_STAGES
from benchmark.common.errors import InputError
from benchmark.common.files import fix_for
from benchmark.common.numerics import pin_process

COMMANDS = {
    "init": "copy the project to a new folder, with a folder of photographs as its data",
    "validate": "check all parameters, before a stage removes or makes anything",
    "fetch": "locate, download or generate the photographs, check them and write the manifest",
    "check": "find leaks, duplicates, bad files and bad labels in a data set",
    "prepare": "crop and resize the photographs into one pack per split and size",
    "plan": "show the planned trainings, and their time, memory and disk space",
    "train": "train the runs of the given methods, or all runs",
    "evaluate": "compute kappa of every run on val and test",
    "transfer": "grade the test splits of other data sets with every run",
    "statistics": "compute confidence intervals, differences between arms and verdicts",
    "architecture": "count feature maps, parameters and operations of the networks",
    "saliency": "draw saliency maps for a few test images per grade",
    "report": "write the paper's tables, the figures and the page to reports/",
    "summary": "show the time of each stage and compare the tables with the reference results",
    "keep": "copy the tables, their parameters and origin to a folder of reference results",
    "render-docs": "render the tables of Markdown files from csv files, and check the numbers in their prose",
    "predict": "grade photographs with finished runs",
    "export": "hand a trained network on: weights, parameters and a model card",
    "add": "add a model that was trained elsewhere to the tables, by its predictions",
    "verify": "recompute every table from the predictions, or compare the tables with others",
    "compare": "show kappa of each arm in two experiments side by side",
    "score": "compute kappa, intervals, ranks and paired tests of predictions from any program",
    "sweep": "start or resume a search over the loss weighting with Optuna",
    "track": "update MLflow to the contents of runs/ (safe to repeat)",
    "ui": "open the runs in the MLflow UI on loopback",
    "doctor": "check the installation, the parameters and the disk space, and suggest fixes",
    "completion": "print the script with which a shell completes this command",
}
"""Name of a sub-command -> its purpose."""
EXAMPLES = {name: (f"fundusbench {name}",) for name in COMMANDS} | {
    "check": (
        "fundusbench check",
        "fundusbench check --source csv --root photographs --table labels.csv --columns grade=dr",
    ),
    "init": ("fundusbench init ../mine --photographs /path/to/photographs",),
    "plan": ("fundusbench plan", "fundusbench plan --no-measure --json"),
    "train": ("fundusbench train", "fundusbench train basenet_mt m2cnn"),
    "keep": ("fundusbench keep experiments/results/mine",),
    "render-docs": ("fundusbench render-docs README.md docs/*.md",),
    "predict": (
        "fundusbench predict photographs --out grades.csv",
        "fundusbench predict eye.jpg --arm m2cnn/large --overlay eye.png",
        "fundusbench predict photographs --folder m2cnn-large --submission submission.csv",
    ),
    "export": ("fundusbench export m2cnn/large/0 --out m2cnn-large",),
    "add": (
        "fundusbench add mine --val val.csv --test test.csv",
        "fundusbench add mine --val val_0.csv val_1.csv --test test_0.csv test_1.csv --nets 3 --source 'our ensemble'",
    ),
    "verify": ("fundusbench verify", "fundusbench verify --against ../other-clone"),
    "compare": (
        "fundusbench compare HEAD",
        "fundusbench compare exp-1 exp-2 --split val",
        "fundusbench compare experiments/results/phantom ../other-clone --json",
    ),
    "score": (
        "fundusbench score predictions.csv --labels labels.csv",
        "fundusbench score predictions.csv other.csv --labels labels.csv --json",
    ),
    "sweep": ("fundusbench sweep", "fundusbench sweep --workers 4"),
    "track": ("fundusbench track", "fundusbench track --register dr-grading"),
    "ui": ("fundusbench ui --port 5001",),
    "doctor": ("fundusbench doctor", "fundusbench doctor --json"),
    "completion": ("fundusbench completion bash > ~/.local/share/bash-completion/completions/fundusbench",),
}
"""Name of a sub-command -> command lines for its help."""
EXIT_CODES = "exit codes: 0 success; 1 success, with findings; 2 bad input; 130 interrupted"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one sub-command, or print the help if there is none; return the exit code, see :data:`EXIT_CODES`."""
    _set_up()
    try:
        try:
            return _run(sys.argv[1:] if arguments is None else arguments)
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        # The reader of the output, such as head, has ended. Python would report the closed pipe again at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _set_up() -> None:
    """Make this process and its children independent of the environment that they are started in."""
    pin_process()
    # A notebook's shell names a backend that only a notebook can import.
    os.environ["MPLBACKEND"] = "Agg"
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # File names may not be text, and a terminal's encoding may lack ±.
            stream.reconfigure(errors="backslashreplace")


def _run(words: Sequence[str]) -> int:
    command = next((word for word in words if not word.startswith("-")), "")
    try:
        args = parser_of([command]).parse_args(words)
        return args.run(args) or 0
    except InputError as error:
        print(f"fundusbench: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        if isinstance(error, BrokenPipeError) and _is_closed(sys.stdout):
            raise
        # Where a better message is possible, an InputError has been raised; this is the rest.
        print(f"fundusbench: {describe(error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("fundusbench: interrupted; the same command resumes from here", file=sys.stderr)
        return 130


def _is_closed(stream: TextIO) -> bool:
    """Return whether the reader of a stream has ended."""
    ends = select.poll()
    ends.register(stream.fileno(), select.POLLOUT)
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in ends.poll(0))


def describe(error: OSError) -> str:
    """Describe a system error and its fix in one sentence."""
    if "AF_UNIX" in str(error) or "temporary directory" in str(error):
        return (
            f"temporary files need a folder with free space and a path of at most 60 characters, but the setting is "
            f"TMPDIR={os.environ.get('TMPDIR', '')} ({error.strerror or error}): set another, e.g. TMPDIR=/tmp"
        )
    path = error.filename or f"a file of the command, perhaps in {tempfile.gettempdir()},"
    return f"{path} must be accessible, but is not ({error.strerror or error}): {fix_for(error.errno)}"


def parser_of(chosen: Collection[str] = tuple(COMMANDS)) -> argparse.ArgumentParser:
    """Return the parser of all sub-commands, with the arguments of the chosen ones; only their files are imported."""
    formatter = argparse.RawDescriptionHelpFormatter
    description = "Reproducibility benchmark for grading diabetic retinopathy."
    parser = argparse.ArgumentParser(
        prog="fundusbench", description=description, epilog=EXIT_CODES, formatter_class=formatter
    )
    parser.add_argument("--version", action="version", version=f"fundusbench {version('fundusbench')}")
    parser.set_defaults(run=lambda _: parser.print_help())
    commands = parser.add_subparsers(title="commands", metavar="command")
    for name, purpose in COMMANDS.items():
        command = commands.add_parser(
            name,
            help=purpose,
            description=f"{purpose[0].upper()}{purpose[1:]}.",
            epilog="\n".join(["examples:", *(f"  {line}" for line in EXAMPLES[name]), "", EXIT_CODES]),
            formatter_class=formatter,
        )
        if name in chosen:
            module = import_module(f"benchmark.cli.{'stages' if name in TIMED_STAGES else name.replace('-', '_')}")
            command.set_defaults(command=name, run=module.run)
            module.add_arguments(command)
    return parser
