"""The paper's printed numbers, read from experiments/published/ into frozen records.

A cell inherits the properties that the file gives for its table, its row and its column. Every fact is marked
``stated`` (printed in a source), ``computed`` (follows from published data) or ``inferred`` (our interpretation).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, TypeAdapter

from benchmark.common.files import read_yaml
from benchmark.common.section import validated
from benchmark.common.terms import Arm, Head, Size
from benchmark.settings.params import Params

PUBLISHED = Path("experiments/published/m2cnn.yaml")
Evidence = Literal["stated", "computed", "inferred"]

_STRICT = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True)
class Fact:
    """Property of a printed number, with its evidence."""

    value: str
    evidence: Evidence
    note: str = ""
    __pydantic_config__: ClassVar[ConfigDict] = _STRICT


@dataclass(frozen=True, slots=True)
class PrintedInputs:
    """Inputs that a printed number was computed from; numbers with other inputs belong to another task."""

    eyes: Literal["one", "both", "unknown"]
    nets: str
    tta_views: str
    pixels: str
    evidence: Evidence
    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    def __str__(self) -> str:
        eyes = {"one": "one eye", "both": "both eyes", "unknown": "eyes unknown"}[self.eyes]
        return f"{eyes}; {self.nets}; {self.tta_views}; {self.pixels} ({self.evidence})"


@dataclass(frozen=True, slots=True)
class Selector:
    """Declared arm and head that measure a printed number.

    An arm of the paper's methods is identified by its loss and size, a row of a system by its name.
    """

    method: str
    head: Head
    loss: str = ""
    size: Size | None = None
    arm: str = ""
    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    def __post_init__(self) -> None:
        if bool(self.arm) == bool(self.loss and self.size):
            msg = "must name an arm, or else its loss and size"
            raise ValueError(msg)

    def __str__(self) -> str:
        return f"{self.method}/{self.arm}" if self.arm else f"{self.method} with {self.loss} at size {self.size}"


@dataclass(frozen=True, slots=True)
class Printed:
    """Cell of a printed table."""

    table: str
    row: str
    column: str
    value: str
    """Text as printed, so that 0.720 keeps its digits; "-" where the table prints a dash."""
    evidence: Evidence
    source: str
    """Publication and table."""
    quantity: Literal["kappa", "feature map"]
    """Meaning of the value: a quadratic weighted kappa or the sides of a feature map."""
    split: Fact | None = None
    head: Fact | None = None
    decision_rule: Fact | None = None
    """Decision rule; None where no source prints it."""
    pixels: int | None = None
    """Side of the input in the paper, in pixels."""
    inputs: PrintedInputs | None = None
    measured_by: Selector | None = None
    note: str = ""
    __pydantic_config__: ClassVar[ConfigDict] = _STRICT


@dataclass(frozen=True, slots=True)
class PrintedTable:
    """Printed table in reading order, with a cell for every row and column."""

    name: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    cells: tuple[Printed, ...]

    def cell(self, row: str, column: str) -> Printed:
        """Return the cell at a row and a column."""
        return self.cells[self.rows.index(row) * len(self.columns) + self.columns.index(column)]


def load_published(path: Path = PUBLISHED) -> dict[str, PrintedTable]:
    """Read and validate printed tables, by name.

    Raises InputError if the file is missing or invalid; the message names the table and the fault.
    """
    raw = read_yaml(path, "published numbers are")
    tables = validated(_TABLES, raw, str(path))
    return {name: _table(name, table, f"{path}: {name}") for name, table in tables.items()}


def find_arm(selector: Selector | None, params: Params) -> Arm | None:
    """Find the declared arm that a selector matches; None if there is none. Of several, :func:`plainest` decides."""
    if selector is None:
        return None
    if selector.arm:
        named = Arm(selector.method, selector.arm)
        return named if any(arm == named for arm, _ in params.declared()) else None
    arms = params.arms.get(selector.method, {})
    names = [name for name, arm in arms.items() if (arm.loss, arm.size) == (selector.loss, selector.size)]
    return plainest(params, [Arm(selector.method, name) for name in names])


def plainest(params: Params, arms: Sequence[Arm]) -> Arm | None:
    """Return the arm that stands for the paper's among several: the first without settings of its own, else the first.

    The others are rows of their own (table `ablation`, added arms).
    """
    return min(arms, key=lambda arm: bool(params.own_settings(arm)), default=None)


class _Section(BaseModel):
    """Table in the file; further keys apply to each of its cells."""

    model_config = ConfigDict(extra="allow", strict=True)

    rows: dict[str, dict[str, Any]]
    columns: dict[str, dict[str, Any]]
    values: dict[str, dict[str, str]]
    notes: dict[str, dict[str, str]] = {}


# Built once, because building an adapter costs more than validating with it.
_TABLES, _SECTION, _PRINTED = TypeAdapter(dict[str, Any]), TypeAdapter(_Section), TypeAdapter(Printed)


def _table(name: str, raw: Any, origin: str) -> PrintedTable:
    section = validated(_SECTION, raw, origin)
    cells = (_cell(name, row, column, section, origin) for row in section.rows for column in section.columns)
    return PrintedTable(name, tuple(section.rows), tuple(section.columns), tuple(cells))


def _cell(table: str, row: str, column: str, section: _Section, origin: str) -> Printed:
    inherited = _merge(section.model_extra or {}, section.rows[row], section.columns[column])
    own = {"table": table, "row": row, "column": column, "value": section.values[row][column]}
    origin = f"{origin}: {row}, {column}"
    return validated(_PRINTED, inherited | own | {"note": section.notes.get(row, {}).get(column, "")}, origin)


def _merge(*layers: dict[str, Any]) -> dict[str, Any]:
    """Merge layers: later ones win, and ``measured_by`` combines all of them."""
    merged: dict[str, Any] = {}
    for layer in layers:
        selector = merged.get("measured_by", {}) | layer.get("measured_by", {})
        merged |= layer | ({"measured_by": selector} if selector else {})
    return merged
