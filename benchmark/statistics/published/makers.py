"""What a data set's makers published for it (``experiments/published/makers.yaml``)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter

from benchmark.common.errors import InputError
from benchmark.common.files import read_yaml
from benchmark.common.section import validated
from benchmark.common.terms import Head, Split
from benchmark.scoring.metrics import METRICS

MAKERS = Path("experiments/published/makers.yaml")


@dataclass(frozen=True, slots=True)
class Result:
    """A published line: a method, and its value of each metric as printed."""

    method: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Makers:
    """What the makers of a data set published.

    Attributes:
        title: theirs.
        where: it was printed.
        split: on which they measured.
        n: images that they measured on; None where it is not known.
        head: our output that is measured their way.
        metrics: keys of :data:`benchmark.scoring.metrics.METRICS`, one per value of each result.
        results: theirs.
    """

    title: str
    where: str
    split: Split
    head: Head
    metrics: tuple[str, ...]
    results: tuple[Result, ...]
    n: Annotated[int, Field(ge=1)] | None = None


def read_makers(source: str, path: Path = MAKERS) -> Makers | None:
    """What the makers of a source's data set published; None where the file has nothing of it.

    Raises:
        InputError: the file breaks a rule.
    """
    raw = read_yaml(path, "the makers' results are").get(source)
    if raw is None:
        return None
    makers = validated(TypeAdapter(Makers), raw, str(path), (source,))
    if wrong := [name for name in makers.metrics if name not in METRICS]:
        msg = f"{path}: a metric must be one of {', '.join(METRICS)}, but {source} has {wrong[0]!r}: correct it"
        raise InputError(msg)
    if wrong := [result.method for result in makers.results if len(result.values) != len(makers.metrics)]:
        msg = f"{path}: a result must have a value per metric, but {wrong[0]!r} of {source} has not: correct it"
        raise InputError(msg)
    return makers
