"""Settings of a row of the tables that was measured elsewhere: files of predictions, and facts on the model."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from benchmark.common.section import Section
from benchmark.common.terms import Split

FOLDER = "predictions"
"""Folder in the project whose files the pipeline follows, so that an edited file is read again."""


def _listed(raw: Any) -> Any:
    return [raw] if isinstance(raw, str) else raw


Files = Annotated[tuple[str, ...], BeforeValidator(_listed), Field(min_length=1)]
"""One file per seed; a single one may be given without a list."""


class GivenPredictions(Section):
    """Predictions of a model that was trained and applied elsewhere, in files that ``fundusbench score`` reads."""

    val: Files
    """File with the predictions for val, one per seed."""
    test: Files
    """File with the predictions for test, one per seed; one file may hold both splits."""
    seeds: tuple[Annotated[int, Field(ge=0, lt=2**32)], ...] = ()
    """Seed of each file; by default 0, 1, 2 and so on."""
    eyes: Literal["one", "both"] = "one"
    """Eyes of a patient that a grade is made from."""
    nets: Annotated[int, Field(ge=1, le=10_000)] = 1
    """Number of networks that a grade is made from."""
    views: Annotated[int, Field(ge=1, le=10_000)] = 1
    """Number of augmented views of a photograph that a grade is made from."""
    source: str = ""
    """Origin of the predictions, for captions."""
    columns: dict[str, str] = Field({})
    """Name of the column for a role, as ``--columns`` of ``fundusbench score``; only needed where it is ambiguous."""

    @field_validator("val", "test")
    @classmethod
    def _is_followed(cls, files: tuple[str, ...]) -> tuple[str, ...]:
        for file in files:
            path = PurePosixPath(file)
            if path.parts[:1] != (FOLDER,) or ".." in path.parts:
                msg = f"must name files in {FOLDER}/, whose changes the pipeline sees, but got {file!r}: copy it there"
                raise ValueError(msg)
        return files

    @model_validator(mode="before")
    @classmethod
    def _numbered(cls, raw: Any) -> Any:
        if isinstance(raw, dict) and "seeds" not in raw and raw.get("val"):
            return raw | {"seeds": tuple(range(len(_listed(raw["val"]))))}
        return raw

    @model_validator(mode="after")
    def _pairs_up(self) -> GivenPredictions:
        if not len(self.val) == len(self.test) == len(self.seeds) == len(set(self.seeds)):
            msg = (
                f"must have a file for val, one for test and a seed of its own for each run, but has {len(self.val)}, "
                f"{len(self.test)} and the seeds {list(self.seeds)}"
            )
            raise ValueError(msg)
        return self

    def files_of(self, seed: int) -> dict[Split, str]:
        """Return the file of each split by its seed."""
        place = self.seeds.index(seed)
        return {"val": self.val[place], "test": self.test[place]}
