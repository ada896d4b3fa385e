"""``fundusbench check``: run the data checks on any data set."""

from __future__ import annotations

import argparse
import sys
from contextlib import nullcontext, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.cli.output import add_json, show_json
from benchmark.common.errors import InputError
from benchmark.common.files import PROJECT

if TYPE_CHECKING:
    from benchmark.data.outcome import CheckRow
    from benchmark.sources.registry import SourceParams

FOLDER = Path("scratch/check")
"""Folder of photographs that a source generates, unless it is the pipeline's."""
ROLES = ("image", "grade", "split", "patient", "eye")
"""Roles that ``--columns`` accepts."""
MAX_ISSUES = 20
"""Largest number of printed issues per check."""
PROFILES = PROJECT / "experiments/conf/data"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.description = "Check the data set of params.yaml or, with --source, another one with default policies."
    parser.add_argument("--source", metavar="NAME", help=f"profile in {PROFILES.name}/ (csv reads any folder)")
    parser.add_argument("--root", metavar="DIR", help="folder of the photographs")
    parser.add_argument("--table", type=Path, metavar="FILE", help="table of labels, relative to the current folder")
    parser.add_argument(
        "--param",
        nargs="+",
        action="extend",
        default=[],
        metavar="KEY=VALUE",
        help="parameter of data, e.g. split.seed=1",
    )
    parser.add_argument(
        "--columns",
        nargs="+",
        action="extend",
        default=[],
        metavar="ROLE=NAME",
        help="columns of the table, as for score: image, grade, split, patient or eye; an empty name for none",
    )
    parser.add_argument("--labels-only", action="store_true", help="check only the table, without reading photographs")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="write checks.csv (with every issue) and checks.md to this folder"
    )
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Print the issues that the checks find; return 1 if a check with the policy stop finds issues, else 0."""
    from benchmark.data import outcome as checking
    from benchmark.data.fetch import PHOTOGRAPHS_FOLDER, inspect, locate
    from benchmark.settings.checks import default_policies
    from benchmark.settings.data_loading import load_data_params
    from benchmark.sources.registry import load_source

    if args.source:
        data, policies, workers, folder = _data(args), default_policies(), 0, FOLDER
    else:
        if given := [f"--{name}" for name in ("root", "table", "param", "columns") if getattr(args, name)]:
            msg = f"{', '.join(given)} must go with --source, which is missing: add it, e.g. --source csv"
            raise InputError(msg)
        params = load_data_params()
        data, policies, workers, folder = params.data, params.checks, params.prepare.workers, PHOTOGRAPHS_FOLDER
    # A source may say what it reads, which must not be among the JSON.
    with redirect_stdout(sys.stderr) if args.json else nullcontext():
        found = locate(data, folder)
    expected = load_source(data.source).expected(data)
    dataset = inspect(data, found, expected, workers, labels_only=args.labels_only)
    outcome = checking.run_checks(dataset, policies)
    stopping = list(dict.fromkeys(row.check for row in outcome.rows if row.policy == "stop" and row.issue))
    if args.json:
        show_json({"issues": outcome.rows, "stopping": stopping})
    else:
        print(checking.format_checks(outcome.rows, MAX_ISSUES))
        print(f"stops the pipeline: {', '.join(stopping) or 'nothing'}")
    if args.out:
        _write(args.out, outcome.rows, data)
    return 1 if outcome.stops else 0


def _data(args: argparse.Namespace) -> SourceParams:
    """Return the parameters of the named profile with the changes of the arguments."""
    from omegaconf import OmegaConf
    from yaml import YAMLError

    from benchmark.common.files import read_yaml
    from benchmark.settings.data_loading import parse_data
    from benchmark.sources.registry import load_source

    profile = PROFILES / f"{args.source}.yaml"
    if not profile.exists():
        load_source(args.source)
    raw = read_yaml(profile, "a profile is") if profile.exists() else {"source": args.source, "name": args.source}
    if args.root:
        raw["root"] = args.root
    if args.table:
        raw["table"] = str(args.table.resolve())
    changes = list(args.param)
    for pair in args.columns:
        role, equals, name = pair.partition("=")
        if not equals or role not in ROLES:
            msg = f"--columns takes ROLE=NAME with a role among {', '.join(ROLES)}, but got {pair!r}: correct it"
            raise InputError(msg)
        # The parameter of the grade's column is older than this name for it.
        changes.append(f"columns.{'level' if role == 'grade' else role}={name!r}")
    if wrong := [change for change in changes if not change.partition("=")[0] or "=" not in change]:
        msg = f"--param takes key=value of a parameter of data, but got {wrong[0]!r}: write e.g. columns.split=Usage"
        raise InputError(msg)
    try:
        # An empty value is empty text, not null.
        given = OmegaConf.from_dotlist([f"{change}''" if change.endswith("=") else change for change in changes])
    except YAMLError as error:
        msg = f"--param takes a value in YAML, but got {' '.join(args.param)!r}: put text in quotes"
        raise InputError(msg) from error
    raw = OmegaConf.to_container(OmegaConf.merge(raw, given))
    data: SourceParams = parse_data(raw, "the arguments")
    return data


def _write(folder: Path, rows: tuple[CheckRow, ...], data: SourceParams) -> None:
    from benchmark.common.files import write_text
    from benchmark.data.outcome import write_check_rows
    from benchmark.report.render import to_markdown
    from benchmark.report.tables.checks import check_table

    write_check_rows(rows, folder / "checks.csv")
    write_text(folder / "checks.md", to_markdown(check_table(list(rows), data.name, data.synthetic)))
    print(f"written: {folder}/checks.csv, {folder}/checks.md", file=sys.stderr)
