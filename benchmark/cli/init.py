"""``fundusbench init``: a copy of this project whose default data set is a folder of photographs."""

from __future__ import annotations

import argparse
import re
import subprocess
from pathlib import Path

from benchmark.common.errors import InputError
from benchmark.common.files import PROJECT, write_text
from benchmark.common.terms import GRADES
from benchmark.runs.environment import git_state
from benchmark.settings.composition import CONF, compose

PROFILE = "own"
"""Name of the data set's profile in the copy."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("folder", type=Path, help="new folder for the copy of the project")
    parser.add_argument(
        "--photographs",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder with photographs and a table of their grades, or with a folder per grade",
    )
    parser.add_argument("--name", help="name of the data set in tables (default: the name of its folder)")
    parser.add_argument("--scale", default="quick", help="profile in experiments/conf/scale (default: quick)")


def run(args: argparse.Namespace) -> None:
    """Read and summarise the labels, and write the copy.

    Raises InputError if the folder exists, has no labels, or git has no commit of this project.
    """
    import yaml

    photographs = args.photographs.resolve()
    name = args.name or re.sub(r"[^\w.-]+", "-", photographs.name) or PROFILE
    scales = sorted(path.stem for path in (PROJECT / CONF / "scale").glob("*.yaml"))
    if args.scale not in scales:
        msg = f"--scale must be one of {', '.join(scales)}, but is {args.scale!r}: correct it"
        raise InputError(msg)
    if args.folder.exists() and any(args.folder.iterdir()):
        msg = f"{args.folder} must be a new folder, but has files: choose another, or remove them"
        raise InputError(msg)
    if args.folder.resolve().is_relative_to(photographs) or photographs.is_relative_to(args.folder.resolve()):
        msg = f"the copy must be outside the photographs' folder, but {args.folder} and {photographs} overlap: move it"
        raise InputError(msg)
    _read_labels(photographs, name)
    _clone(args.folder)
    data = yaml.safe_load((PROJECT / CONF / "data/csv.yaml").read_text("utf-8")) | {
        "name": name,
        "root": str(photographs),
    }
    write_text(args.folder / CONF / f"data/{PROFILE}.yaml", yaml.safe_dump(data, sort_keys=False, allow_unicode=True))
    config = args.folder / CONF / "config.yaml"
    text = config.read_text("utf-8").replace("- data: phantom", f"- data: {PROFILE}")
    write_text(config, text.replace("- scale: tiny", f"- scale: {args.scale}"))
    params = yaml.safe_dump(compose(args.folder), sort_keys=False, allow_unicode=True)
    write_text(args.folder / "params.yaml", f"# Composed from {CONF}.\n{params}")
    print(f"{args.folder} is ready: cd {args.folder} && make repro")


def _read_labels(photographs: Path, name: str) -> None:
    """Print a summary of the labels; raise InputError if labels or photographs are missing."""
    from benchmark.data.fetch import refuse_absent
    from benchmark.settings.data_loading import parse_data
    from benchmark.sources.registry import load_source

    data = parse_data({"source": "csv", "name": name, "root": str(photographs)}, "the arguments")
    found = list(load_source("csv").photographs(data, Path(), lambda *_: None))
    refuse_absent(found, photographs)
    counts = [sum(photograph.grade == grade for photograph in found) for grade in range(GRADES)]
    print(f"photographs per grade 0-4: {', '.join(map(str, counts))}")


def _clone(folder: Path) -> None:
    """Clone this project by git."""
    if git_state()[0] == "unknown":
        msg = f"a copy of the project is made by git, but git finds no commit in {PROJECT}: use a clone of the project"
        raise InputError(msg)
    done = subprocess.run(["git", "clone", "--quiet", str(PROJECT), str(folder)], capture_output=True, text=True)
    if done.returncode:
        msg = f"the project must be cloned to {folder}, but git says: {' '.join(done.stderr.split())}: correct the path"
        raise InputError(msg)
