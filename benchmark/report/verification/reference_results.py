"""Reference results in the repository: storing them, and comparing a rebuild with them cell by cell."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmark.common.addresses import shown_address
from benchmark.common.errors import InputError
from benchmark.common.files import read_json, read_yaml, write_json, write_text
from benchmark.report.verification.table_diff import Difference, TextRow, differing_cell, read_lines
from benchmark.runs.environment import environment
from benchmark.settings.differences import NO_RESULT
from benchmark.settings.loading import PARAMS
from benchmark.statistics.verdict_row import JUDGED_BY
from benchmark.statistics.verdicts import judged_by

RESULTS = Path("experiments/results")
MADE_BY = "made_by.json"
FIGURE = "ablation.png"
STAGE_TIMES = "stages.csv"
"""Time of each stage."""
TIMING_FILES = ("cost_time.csv", STAGE_TIMES)
"""Files that differ between executions."""
_OF_CODE = {"runs", *JUDGED_BY}
"""Columns with hashes that change with the code; the comparison has a sentence of its own on claims and rules."""


@dataclass(frozen=True, slots=True)
class RebuildComparison:
    """Comparison of a rebuild with the reference results in a folder: numbers of csv files and cells compared."""

    folder: Path
    tables: int
    cells: int
    first: Difference | None
    """First difference; None if every cell is the same."""
    made_on: str
    """Processor of the reference results."""
    here: str
    """Processor of this machine."""
    judged_by: Mapping[str, str]
    """Hashes of the claims and rules of the reference results; empty in older ones."""

    def __str__(self) -> str:
        facts = f"those were made on {self.made_on}, these on {self.here}"
        if not self.judged_by:
            facts += "; the claims and rules that judged those were not recorded"
        elif self.judged_by != judged_by():
            facts += "; other claims or rules judged those"
        if self.first is None:
            return f"identical to {self.folder}: all {self.cells:,} cells of {self.tables} tables; {facts}"
        return f"DIFFERENT from {self.folder}: {self.first}; {facts}"


def keep(folder: Path, reports: Path = Path("reports")) -> None:
    """Copy a rebuild's tables, the figure of its ablation if it has one, and its environment to a folder of results.

    Absolute paths of this machine are replaced: only the last part of a path is kept, below ``/path/to``. The address
    of the sweep's storage is kept without user, password and query. Raises InputError if no table exists.
    """
    tables = sorted((reports / "tables").glob("*.csv"))
    if not tables:
        msg = f"{reports}/tables must hold the tables to keep, but has none: run `dvc repro` first"
        raise InputError(msg)
    made = environment()  # Before anything is written, because that would change the state of the repository.
    folder.mkdir(parents=True, exist_ok=True)
    places = _places(read_yaml(PARAMS, "the parameters are"))
    for path in (*tables, *(table.with_suffix(".md") for table in tables)):
        write_text(folder / path.name, _anywhere(path.read_text("utf-8"), places))
    write_text(folder / PARAMS.name, _anywhere(_with_shown_storage(PARAMS.read_text("utf-8")), places))
    if (reports / "figures" / FIGURE).exists():
        shutil.copyfile(reports / "figures" / FIGURE, folder / FIGURE)
    kept = {name: made[name] for name in ("cpu", "gpu", "git_commit", "git_dirty", "packages")}
    write_json(folder / MADE_BY, kept | judged_by())


def compare_kept(reports: Path = Path("reports"), results: Path = RESULTS) -> RebuildComparison | None:
    """Compare the tables of this folder with the reference results of the same parameters; None without them."""
    ours = _chosen(PARAMS)
    folder = next(
        (path.parent for path in sorted(results.glob(f"*/{MADE_BY}")) if _chosen(path.parent / PARAMS) == ours), None
    )
    if folder is None:
        return None
    first, cells, tables, places = None, 0, 0, _places(read_yaml(PARAMS, "the parameters are"))
    for path in sorted(folder.glob("*.csv")):
        if path.name in TIMING_FILES:
            continue
        kept, made = _lines(path), _lines(reports / "tables" / path.name, places)
        tables, cells = tables + 1, cells + sum(map(len, kept))
        first = first or differing_cell(path.name, kept, made)
    made = read_json(folder / MADE_BY)
    rules = {name: str(made[name]) for name in JUDGED_BY if name in made}
    return RebuildComparison(folder, tables, cells, first, str(made["cpu"]), str(environment()["cpu"]), rules)


def _chosen(params: Path) -> dict[str, Any]:
    """Return the parameters that tables depend on, without absolute paths."""
    raw = read_yaml(params, "the parameters are")
    raw["train"].pop("parallel_runs", None)
    chosen: dict[str, Any] = json.loads(_anywhere(json.dumps(raw, ensure_ascii=False, default=str), _places(raw)))
    return {name: value for name, value in chosen.items() if name not in NO_RESULT}


def _with_shown_storage(params: str) -> str:
    """Replace the address of the sweep's storage in the text of parameters by the address as it may be shown."""
    import yaml

    node: Any = yaml.compose(params)
    for name in ("sweep", "storage"):
        node = next((value for key, value in node.value if key.value == name), None)
        if node is None:
            return params
    shown = shown_address(node.value)
    if shown == node.value:
        return params
    return f"{params[: node.start_mark.index]}{json.dumps(shown)}{params[node.end_mark.index :]}"


def _places(raw: Any) -> dict[str, str]:
    """Return the absolute paths among parameters, each with its replacement."""
    if isinstance(raw, dict | list):
        parts = map(_places, raw.values() if isinstance(raw, dict) else raw)
        return {path: shown for found in parts for path, shown in found.items()}
    return {raw: f"/path/to/{Path(raw).name}"} if isinstance(raw, str) and Path(raw).is_absolute() else {}


def _anywhere(text: str, places: Mapping[str, str]) -> str:
    for place in sorted(places, key=len, reverse=True):
        text = text.replace(place, places[place])
    return text


def _lines(path: Path, places: Mapping[str, str] | None = None) -> list[TextRow]:
    """Return the rows of a table without hashes of code and without absolute paths; empty without a file."""
    if not path.exists():
        return []
    return [
        {name: value for name, value in line.items() if name not in _OF_CODE}
        for line in read_lines(_anywhere(path.read_text("utf-8"), places or {}))
    ]
