"""The paper's claims, read from experiments/published/claims.yaml into frozen records.

A claim quotes the paper, names the printed numbers that say it (cells of the tables of :mod:`.tables`,
which know their split and the arm that measures them here), and declares, before any run, the tolerance that it is
judged with.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, cast

from pydantic import BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationInfo

from benchmark.common.files import read_yaml
from benchmark.common.section import validated
from benchmark.common.terms import Split
from benchmark.statistics.published.tables import Evidence, Fact, Printed, PrintedTable, Selector, load_published

CLAIMS = Path("experiments/published/claims.yaml")


def _find(address: Any, info: ValidationInfo) -> Any:
    """The printed cell at [table, row, column]."""
    try:
        table, row, column = address
        return cast("dict[str, PrintedTable]", info.context)[table].cell(row, column)
    except (KeyError, TypeError, ValueError):
        msg = "a cell must be given as [table, row, column] of the published tables"
        raise ValueError(msg) from None


Cell = Annotated[Printed, BeforeValidator(_find)]
Text = Annotated[str, Field(min_length=1)]
Tolerance = Annotated[float, Field(gt=0, lt=1)]

_STRICT = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True)
class Setting:
    """What must agree with the paper before its numbers, and not only its orderings, can be compared with ours."""

    data: str
    """The data set's name, or its source."""
    images: dict[Split, int]
    """Of the official split."""
    may_lack: Annotated[float, Field(ge=0, lt=0.05)]
    """Largest share of a split's images that may be left out, such as those that cannot be read."""
    trunk: str
    """The architecture; a tag of its weights, which timm writes behind a dot, is no part of it."""
    __pydantic_config__: ClassVar[ConfigDict] = _STRICT


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What every claim has."""

    id: Text
    quote: Text
    """The paper's words, or the table's title where no words say it; of what is asked here, another source's."""
    source: Text
    """Where that is printed."""
    interpretation: Text
    """What is compared, in our words."""
    evidence: Literal[Evidence, "ours"]
    """How we know that the paper claims it; ``ours``: it does not, and it is asked here."""
    caveat: str = ""
    """What a reader of any verdict on it must know."""
    __pydantic_config__: ClassVar[ConfigDict] = _STRICT


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged(Claim):
    """A claim that measured runs are held against."""

    tolerance: Tolerance
    rationale: Text
    """Why the tolerance is what it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two printed kappas of one split; the claim is that the first is higher."""

    better: Cell
    worse: Cell
    doubt: str = ""
    """Why the printed difference is not the effect of the method; its size is then held against nothing."""
    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    def __post_init__(self) -> None:
        for cell in (self.better, self.worse):
            _check_measured(cell)
        if self.better.split.value != self.worse.split.value:  # type: ignore[union-attr]
            msg = "both cells of a pair must be of one split"
            raise ValueError(msg)

    @property
    def effect(self) -> Decimal:
        """The printed difference, exact."""
        return Decimal(self.better.value) - Decimal(self.worse.value)

    @property
    def title(self) -> str:
        """What is claimed to be higher than what."""
        return _title(self.better, ">", self.worse)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordering(Judged):
    """A claim that some kappas are higher than others: of every pair, and so of all of them together."""

    pairs: Annotated[tuple[Pair, ...], Field(min_length=1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step(Judged):
    """A claim that one arm has a higher kappa than another, where no source prints both."""

    split: Literal["val", "test"]
    better: Selector
    worse: Selector

    @property
    def title(self) -> str:
        """What is claimed to be higher than what."""
        return f"{self.better} > {self.worse}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Number(Judged):
    """A claim of kappas as such."""

    cells: Annotated[tuple[Cell, ...], Field(min_length=1)]

    def __post_init__(self) -> None:
        for cell in self.cells:
            _check_measured(cell)


@dataclass(frozen=True, slots=True, kw_only=True)
class Saving(Judged):
    """A claim that one way to train reaches a val kappa for less than another; no amount is printed."""

    cheaper: Cell
    dearer: Cell

    def __post_init__(self) -> None:
        for cell in (self.cheaper, self.dearer):
            _check_measured(cell)

    @property
    def title(self) -> str:
        """What is claimed to be cheaper than what."""
        return _title(self.cheaper, "before", self.dearer)


@dataclass(frozen=True, slots=True, kw_only=True)
class Consistency(Claim):
    """A check of the paper's own numbers, against one another or against a value from elsewhere; no run matters."""

    check: Literal["is", "same", "rises", "rank", "network"]
    """Whether a cell is ``value`` (rounded to its digits), cells are the same, each is higher than the one before it,
    a cell's rank in its column is ``value``, or a feature map is what the paper's network really gives."""
    cells: Annotated[tuple[Cell, ...], Field(min_length=1)]
    value: Fact | None = None
    """Its note says how to recompute it."""

    def __post_init__(self) -> None:
        needs_value, needs_one = self.check in ("is", "rank"), self.check in ("is", "rank", "network")
        if needs_value != (self.value is not None) or needs_one != (len(self.cells) == 1):
            msg = (
                "checks `is` and `rank` need one cell and a value, `network` one cell and no value, `same` and `rises` "
                "several cells and no value"
            )
            raise ValueError(msg)
        if self.check == "network" and (self.cells[0].quantity != "feature map" or self.cells[0].pixels is None):
            msg = "check `network` needs a feature map at an input size"
            raise ValueError(msg)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """All of the file."""

    paper: Setting
    orderings: tuple[Ordering, ...]
    numbers: tuple[Number, ...]
    savings: tuple[Saving, ...]
    consistency: tuple[Consistency, ...]
    steps: tuple[Step, ...] = ()
    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    def __post_init__(self) -> None:
        ids = Counter(
            claim.id for claim in (*self.orderings, *self.numbers, *self.steps, *self.savings, *self.consistency)
        )
        if twice := [name for name, times in ids.items() if times > 1]:
            msg = f"each claim needs an id of its own, but {', '.join(twice)} recurs"
            raise ValueError(msg)


def load_claims(path: Path = CLAIMS, published: dict[str, PrintedTable] | None = None) -> Claims:
    """Read and validate the claims.

    Args:
        path: the file.
        published: the printed tables that its cells lie in; by default those of :func:`load_published`.

    Raises:
        InputError: the file is missing, is no YAML, or breaks a rule; the sentence names the claim's place and fault.
    """
    raw = read_yaml(path, "claims are")
    tables = load_published() if published is None else published
    return validated(TypeAdapter(Claims), raw, str(path), context=tables)


def _title(first: Printed, word: str, second: Printed) -> str:
    """Two cells in words; what they share, their row or else their column, is said once."""
    if first.row == second.row:
        return f"{first.row}: {first.column} {word} {second.column}"
    return f"{first.column}: {first.row} {word} {second.row}"


def _check_measured(cell: Printed) -> None:
    """A cell that runs are held against prints a kappa, of a known split, that some arm can measure."""
    if cell.quantity != "kappa" or cell.value == "-" or cell.measured_by is None or cell.split is None:
        msg = (
            f"a claim on runs needs printed kappas that an arm measures, unlike {cell.table}, {cell.row}, {cell.column}"
        )
        raise ValueError(msg)
