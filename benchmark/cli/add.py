"""``fundusbench add``: add a model that was trained elsewhere to the tables, by its predictions for val and test."""

from __future__ import annotations

import argparse
import io
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from yaml import safe_load

from benchmark.cli.output import add_columns
from benchmark.common.errors import InputError
from benchmark.common.files import atomic, read_yaml, write_text
from benchmark.common.terms import EVALUATED, Split
from benchmark.data.manifest import read_manifest
from benchmark.runs.given import read_seeds
from benchmark.settings.composition import CONF
from benchmark.settings.loading import PARAMS, parse_params
from benchmark.settings.params import PREDICTIONS
from benchmark.settings.predictions import FOLDER

DECLARED_IN = (PARAMS, CONF / "config.yaml")
"""Files that declare a row: the parameters, and what ``dvc exp run`` composes them from."""


_NULL = "tag:yaml.org,2002:null"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("name", help="name of the row, e.g. mine")
    for split in ("val", "test"):
        parser.add_argument(
            f"--{split}",
            nargs="+",
            type=Path,
            required=True,
            metavar="FILE",
            help=f"predictions for {split}, one file per seed; the same file as for the other split if it holds both",
        )
    parser.add_argument("--seed", nargs="+", type=int, metavar="K", help="seed of each file (default: 0, 1, 2, ...)")
    parser.add_argument("--eyes", choices=("one", "both"), help="eyes that a grade is made from (default: one)")
    parser.add_argument("--nets", type=int, metavar="N", help="networks that a grade is made from (default: 1)")
    parser.add_argument("--views", type=int, metavar="N", help="views that a grade is made from (default: 1)")
    parser.add_argument("--source", metavar="TEXT", help="origin of the predictions, for captions")
    add_columns(parser)


def run(args: argparse.Namespace) -> None:
    """Check the files against the manifest, copy them to ``predictions/``, and declare them in params.yaml."""
    _check_name(args.name)
    copies = {split: _copies(args, split) for split in EVALUATED}
    section = _section(args, copies)
    raw = read_yaml(PARAMS, "the parameters are")
    others = raw.get("systems") or {}
    if alike := [name for name in others if name != args.name and str(name).lower() == args.name.lower()]:
        msg = (
            f"rows must differ in more than upper and lower case, which some file systems do not keep apart, but got "
            f"{args.name!r} beside {alike[0]!r}: choose another name"
        )
        raise InputError(msg)
    systems = {**others, args.name: {PREDICTIONS: section}}
    settings = parse_params({**raw, "systems": systems}).predicted[args.name]
    manifest = read_manifest()
    notes: dict[str, None] = {}
    files: dict[int, dict[Split, str]] = {
        seed: {"val": str(val), "test": str(test)}
        for seed, val, test in zip(settings.seeds, args.val, args.test, strict=True)
    }
    for _, given in read_seeds(files, settings.columns, manifest):
        notes |= dict.fromkeys(given.notes)
    contents = {target: source.read_bytes() for copied in copies.values() for target, source in copied.items()}
    for target, content in contents.items():
        with atomic(target) as partial:
            partial.write_bytes(content)
    for earlier in Path(FOLDER, args.name).glob("*_[0-9]*"):  # Of an addition of more seeds.
        if earlier not in contents:
            earlier.unlink()
    changed = [path for path in DECLARED_IN if path.exists()]
    for path in changed:
        write_text(path, with_row(path.read_text(encoding="utf-8"), args.name, section))
    print("\n".join(notes))
    print(
        f"{args.name}: {len(settings.seeds)} run(s), copied to {FOLDER}/{args.name}/ and declared in "
        f"{' and '.join(map(str, changed))}; `dvc repro` adds them to the tables"
    )


def _check_name(name: str) -> None:
    """Refuse a name that is no folder of its own, or that a reader of YAML may take for a number or a truth value."""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_.-]*", name) or safe_load(name) != name:
        msg = (
            "a row's name must begin with a letter, hold only letters, digits, '_', '.' and '-', and mean nothing else "
            f"in YAML, as `on` and `null` do, but got {name!r}: choose another"
        )
        raise InputError(msg)


def _copies(args: argparse.Namespace, split: Split) -> dict[Path, Path]:
    """Return the source of each copy of a split's files, in their order; a file that holds both splits has one copy."""
    files, others = (args.val, args.test) if split == "val" else (args.test, args.val)
    copies = {}
    for place, file in enumerate(files):
        name = "val_test" if others[place : place + 1] == [file] else split
        packed = file.suffix.lower() in (".gz", ".zip")
        ending = "".join(file.suffixes[-2:] if packed else file.suffixes[-1:])
        copies[Path(FOLDER, args.name, f"{name}_{place}{ending}")] = file
    return copies


def _section(args: argparse.Namespace, copies: Mapping[Split, Iterable[Path]]) -> dict[str, Any]:
    """Return the parameters of the row; those that have their default are left out."""
    facts = {"seeds": args.seed} | {name: getattr(args, name) for name in ("eyes", "nets", "views", "source")}
    facts["columns"] = dict(pair.partition("=")[::2] for pair in args.columns) or None
    return {split: [path.as_posix() for path in paths] for split, paths in copies.items()} | {
        name: value for name, value in facts.items() if value is not None
    }


def with_row(text: str, name: str, section: dict[str, Any]) -> str:
    """Return the text of a YAML file with ``systems.NAME.predictions``; its comments and its layout stay."""
    yaml = YAML()
    yaml.width, yaml.preserve_quotes = 10_000, True
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.representer.add_representer(type(None), lambda written, _: written.represent_scalar(_NULL, "null"))
    raw = yaml.load(text)
    if not raw.get("systems"):
        raw["systems"] = CommentedMap()
    flow = CommentedMap(section)
    flow.fa.set_flow_style()
    raw["systems"][name] = CommentedMap({PREDICTIONS: flow})
    stream = io.StringIO()
    yaml.dump(raw, stream)
    return stream.getvalue()
