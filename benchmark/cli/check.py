"""``fundusbench check``: run the data checks on any data set, without training."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmark.cli.output import add_json, show_json
from benchmark.common.errors import InputError
from benchmark.common.files import PROJECT

if TYPE_CHECKING:
    from benchmark.data.outcome import CheckRow
    from benchmark.sources.registry import SourceParams

FOLDER = Path("scratch/check")
"""Folder of photographs that a source other than the pipeline's generates."""
SHOWN = 20
"""Number of issues of a check that are printed."""
PROFILES = PROJECT / "experiments/conf/data"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.description = "Without --source, the data set and the policies of params.yaml; else those by default."
    parser.add_argument("--source", metavar="NAME", help=f"a profile of {PROFILES.name}/ (csv reads any folder)")
    parser.add_argument("--root", metavar="DIR", help="folder of the photographs")
    parser.add_argument("--table", type=Path, metavar="FILE", help="table of labels, from the working directory")
    parser.add_argument(
        "--param",
        nargs="+",
        action="extend",
        default=[],
        metavar="KEY=VALUE",
        help="of data, for instance columns.split=Usage",
    )
    parser.add_argument("--labels-only", action="store_true", help="check the table alone, and open no photograph")
    parser.add_argument("--out", type=Path, metavar="DIR", help="write checks.csv (every issue) and checks.md there")
    add_json(parser)


def run(chosen: argparse.Namespace) -> int:
    """Print the issues that the checks find.

    Returns:
        1 if a check with the policy stop finds issues, else 0.

    Raises:
        InputError: an argument, a parameter or the table is wrong.
    """
    from benchmark.data import outcome as checking
    from benchmark.data.checks.registry import InspectedDataset
    from benchmark.data.fetch import PHOTOGRAPHS, locate, refuse_absent
    from benchmark.data.inspection import inspect_dataset
    from benchmark.settings.checks import default_policies
    from benchmark.settings.data_loading import load_data_params
    from benchmark.sources.registry import load_source

    if chosen.source:
        data, policies, workers, folder = _data(chosen), default_policies(), 0, FOLDER
    else:
        _refuse_strays(chosen)
        params = load_data_params()
        data, policies, workers, folder = params.data, params.checks, params.prepare.workers, PHOTOGRAPHS
    found, expected = locate(data, folder), load_source(data.source).expected(data)
    if not chosen.labels_only:
        refuse_absent(found, Path(data.root))
    if chosen.labels_only:
        dataset = InspectedDataset(tuple(found), expected=expected)
    else:
        dataset = inspect_dataset(found, expected, workers)
    outcome = checking.run_checks(dataset, policies)
    stopping = list(dict.fromkeys(row.check for row in outcome.rows if row.policy == "stop" and row.issue))
    if chosen.json:
        show_json({"issues": outcome.rows, "stopping": stopping})
    else:
        print(checking.summary(outcome.rows, SHOWN))
        print(f"stops the pipeline: {', '.join(stopping) or 'nothing'}")
    if chosen.out:
        _write(chosen.out, outcome.rows, data)
    return 1 if outcome.stops else 0


def _data(chosen: argparse.Namespace) -> SourceParams:
    """The named profile, changed as the arguments say."""
    from benchmark.common.files import read_yaml
    from benchmark.settings.data_loading import parse_data
    from benchmark.sources.registry import load_source

    profile = PROFILES / f"{chosen.source}.yaml"
    if not profile.exists():
        load_source(chosen.source)
    raw = read_yaml(profile, "a profile is") if profile.exists() else {"source": chosen.source, "name": chosen.source}
    if chosen.root:
        raw["root"] = chosen.root
    if chosen.table:
        raw["table"] = str(chosen.table.resolve())
    for given in chosen.param:
        _set(raw, given)
    data: SourceParams = parse_data(raw, "the arguments")
    return data


def _set(raw: dict[str, Any], given: str) -> None:
    """Set one key, with dots between sections, as ``key=value`` says; the value is YAML."""
    import yaml

    key, equals, value = given.partition("=")
    *path, last = key.split(".")
    section: Any = raw
    for part in path:
        section = section.setdefault(part, {}) if isinstance(section, dict) else None
    if not key or not equals or not isinstance(section, dict):
        msg = f"--param takes key=value of a parameter of data, but got {given!r}: write, say, columns.split=Usage"
        raise InputError(msg)
    try:
        section[last] = yaml.safe_load(value)
    except (yaml.YAMLError, ValueError) as error:
        msg = f"--param takes a value in YAML, but got {given!r}: put text in quotes"
        raise InputError(msg) from error


def _refuse_strays(chosen: argparse.Namespace) -> None:
    """Raise where an argument is given that only goes with another data set than that of params.yaml."""
    strays = [f"--{name}" for name in ("root", "table", "param") if getattr(chosen, name)]
    if strays:
        msg = f"{', '.join(strays)} must go with --source, but there is none: add it, for instance --source csv"
        raise InputError(msg)


def _write(folder: Path, rows: tuple[CheckRow, ...], data: SourceParams) -> None:
    from benchmark.common.files import write_text
    from benchmark.data.outcome import write_check_rows
    from benchmark.report.render import to_markdown
    from benchmark.report.tables.checks import check_table

    write_check_rows(rows, folder / "checks.csv")
    write_text(folder / "checks.md", to_markdown(check_table(list(rows), data.name, data.synthetic)))
    print(f"written: {folder}/checks.csv, {folder}/checks.md", file=sys.stderr)
