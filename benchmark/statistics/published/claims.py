"""The paper's claims, read from experiments/published/claims.yaml into frozen records.

A claim quotes the paper and names the printed numbers that support it: cells of the tables of :mod:`.tables`, which
contain their split and the arm that measures them here. It also declares the tolerance of the verdict and the primary
endpoints. That the paper's claims agree with one another is tested, not checked again by every reader.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, cast

from pydantic import BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationInfo

from benchmark.common.errors import InputError
from benchmark.common.files import read_yaml
from benchmark.common.section import Section, validated
from benchmark.common.terms import Split
from benchmark.statistics.published.tables import Evidence, Fact, Printed, PrintedTable, Selector, load_published

CLAIMS = Path("experiments/published/claims.yaml")
OWN_CLAIMS = Path("experiments/claims")
"""Folder of files with claims of the user's own."""


def _find(address: Any, info: ValidationInfo) -> Any:
    """Return the printed cell at [table, row, column]."""
    try:
        table, row, column = address
        return cast("dict[str, PrintedTable]", info.context)[table].cell(row, column)
    except (KeyError, TypeError, ValueError):
        msg = "a cell must be given as [table, row, column] of the published tables"
        raise ValueError(msg) from None


PrintedCell = Annotated[Printed, BeforeValidator(_find)]
NonEmptyText = Annotated[str, Field(min_length=1)]
Tolerance = Annotated[float, Field(gt=0, lt=1)]

_STRICT = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True)
class Setting:
    """Conditions under which the paper's numbers, and not only its orderings, can be compared with ours."""

    data: str
    """Source of the data set, a file of benchmark/sources."""
    images: dict[Split, int]
    """Images per part of the official split."""
    sha256: dict[Split, str]
    """Hash of their ids and grades, :func:`benchmark.statistics.scope.hash_labels`."""
    may_lack: Annotated[float, Field(ge=0, lt=0.05)]
    """Largest fraction of a split's images that may be missing, for instance because they are unreadable."""
    profile: tuple[str, ...]
    """Profiles of experiments/conf whose parameters the runs must have."""
    __pydantic_config__: ClassVar[ConfigDict] = _STRICT


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Fields of every claim."""

    id: NonEmptyText
    quote: NonEmptyText
    """Words of the paper, or the title of the table that makes the claim; another source's words for our questions."""
    source: NonEmptyText
    """Place where the quote is printed."""
    interpretation: NonEmptyText
    """Our wording of the comparison."""
    evidence: Literal[Evidence, "ours"]
    """Evidence that the paper makes the claim; ``ours`` if we ask the question ourselves."""
    caveat: str = ""
    """Caveat that applies to every verdict on the claim."""
    __pydantic_config__: ClassVar[ConfigDict] = _STRICT


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedClaim(Claim):
    """Claim that is judged by runs."""

    tolerance: Tolerance
    rationale: NonEmptyText
    """Reason for the tolerance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrintedPair:
    """Two printed kappas of one split, of which the first is claimed to be higher."""

    better: PrintedCell
    worse: PrintedCell
    doubt: str = ""
    """Reason why the printed difference is not the effect of the method; if given, its size is not used."""
    primary: Annotated[int, Field(ge=0)] = 0
    """Place among the primary endpoints, which are tested in this order; 0 for a pair that is only described."""
    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    @property
    def effect(self) -> Decimal:
        """Exact printed difference."""
        return Decimal(self.better.value) - Decimal(self.worse.value)

    @property
    def title(self) -> str:
        """Claim in words: first > second."""
        return _title(self.better, ">", self.worse)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordering(JudgedClaim):
    """Claim that some kappas are higher than others, for every pair and for all pairs together."""

    pairs: Annotated[tuple[PrintedPair, ...], Field(min_length=1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class InferredOrdering(JudgedClaim):
    """Claim that one arm has a higher kappa than another, without a source that prints both."""

    split: Literal["val", "test"]
    better: Selector
    worse: Selector

    @property
    def title(self) -> str:
        """Claim in words: first > second."""
        return f"{self.better} > {self.worse}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberClaim(JudgedClaim):
    """Claim about the values of kappas."""

    cells: Annotated[tuple[PrintedCell, ...], Field(min_length=1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Saving(JudgedClaim):
    """Claim that one way to train reaches a val kappa at a lower cost than another; no amount is printed."""

    cheaper: PrintedCell
    dearer: PrintedCell

    @property
    def title(self) -> str:
        """Claim in words: first before second."""
        return _title(self.cheaper, "before", self.dearer)


@dataclass(frozen=True, slots=True, kw_only=True)
class Consistency(Claim):
    """Check of the paper's own numbers against one another or against a value from elsewhere, without any run."""

    check: Literal["is", "same", "rises", "rank", "network"]
    """Property to check:

    * ``is``: the cell equals ``value`` after rounding.
    * ``same``: all cells are equal.
    * ``rises``: each cell is higher than the one before it.
    * ``rank``: the rank of the cell in its column is ``value``.
    * ``network``: the cell is the feature map that the paper's network produces.
    """
    cells: Annotated[tuple[PrintedCell, ...], Field(min_length=1)]
    value: Fact | None = None
    """Value to compare with; its note explains how to recompute it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """Contents of the file."""

    paper: Setting
    orderings: tuple[Ordering, ...]
    numbers: tuple[NumberClaim, ...]
    savings: tuple[Saving, ...]
    consistency: tuple[Consistency, ...]
    steps: tuple[InferredOrdering, ...] = ()
    __pydantic_config__: ClassVar[ConfigDict] = _STRICT


class OwnClaim(Section):
    """Claim of the user that one arm has a higher kappa than another."""

    id: NonEmptyText
    claim: NonEmptyText
    """The claim in words."""
    better: Selector
    worse: Selector
    split: Literal["val", "test"] = "test"
    tolerance: Tolerance = 0.005
    rationale: NonEmptyText = "The smallest difference of interest, that of the paper's claims."

    def ordering(self, path: Path) -> InferredOrdering:
        """Return the claim as it is judged."""
        fields = self.model_dump(exclude={"claim"}) | {"better": self.better, "worse": self.worse}
        return InferredOrdering(
            **fields, quote=self.claim, source=path.as_posix(), interpretation=self.claim, evidence="ours"
        )


def load_claims(
    path: Path = CLAIMS, published: dict[str, PrintedTable] | None = None, own: Path = OWN_CLAIMS
) -> Claims:
    """Read and validate the claims of the paper and, as further steps, those of the user.

    Args:
        path: the file.
        published: printed tables that contain the cells; by default those of :func:`load_published`.
        own: folder of the user's claims.

    Raises InputError if the file is missing or invalid; the message names the claim and the fault.
    """
    raw = read_yaml(path, "claims are")
    tables = load_published() if published is None else published
    claims = validated(TypeAdapter(Claims), raw, str(path), context=tables)
    known = {claim.id for claim in (*claims.orderings, *claims.numbers, *claims.steps, *claims.savings)}
    for file in sorted(own.glob("*.yaml")):
        listed = validated(TypeAdapter(list[OwnClaim]), read_yaml(file, "claims are"), str(file))
        for claim in listed:
            if claim.id in known:
                msg = f"each claim needs a unique id, but {claim.id!r} of {file} recurs: rename it"
                raise InputError(msg)
            known.add(claim.id)
        claims = replace(claims, steps=(*claims.steps, *(claim.ordering(file) for claim in listed)))
    return claims


def _title(first: Printed, word: str, second: Printed) -> str:
    """Describe two cells, naming the row or column that they share once."""
    if first.row == second.row:
        return f"{first.row}: {first.column} {word} {second.column}"
    return f"{first.column}: {first.row} {word} {second.row}"
