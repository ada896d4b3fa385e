"""Results that the authors of a data set published for it (``experiments/published/dataset_authors.yaml``)."""

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

DATASET_AUTHORS = Path("experiments/published/dataset_authors.yaml")


@dataclass(frozen=True, slots=True)
class PublishedResult:
    """A published method and its value of each metric as printed."""

    method: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DatasetAuthors:
    """Results that the authors of a data set published.

    Attributes:
        title: short title of their publication.
        source: publication and table.
        split: split that they measured on.
        n: number of images that they measured on; None where it is unknown.
        head: our output that is measured the same way.
        metrics: keys of :data:`benchmark.scoring.metrics.METRICS`, one per value of each result.
        results: their methods and values.
    """

    title: str
    source: str
    split: Split
    head: Head
    metrics: tuple[str, ...]
    results: tuple[PublishedResult, ...]
    n: Annotated[int, Field(ge=1)] | None = None


def read_dataset_authors(source: str, path: Path = DATASET_AUTHORS) -> DatasetAuthors | None:
    """Read the results published for a source's data set; None where the file has none.

    Raises InputError if the file is invalid.
    """
    raw = read_yaml(path, "the dataset authors' results are").get(source)
    if raw is None:
        return None
    authors = validated(TypeAdapter(DatasetAuthors), raw, str(path), (source,))
    if wrong := [name for name in authors.metrics if name not in METRICS]:
        msg = f"{path}: a metric must be one of {', '.join(METRICS)}, but {source} has {wrong[0]!r}: correct it"
        raise InputError(msg)
    if wrong := [result.method for result in authors.results if len(result.values) != len(authors.metrics)]:
        msg = f"{path}: a result must have a value per metric, but {wrong[0]!r} of {source} lacks one: correct it"
        raise InputError(msg)
    return authors
