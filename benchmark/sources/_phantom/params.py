"""Parameters of the phantom."""

from __future__ import annotations

import math
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from benchmark.sources.registry import SourceParams

Count = Annotated[int, Field(ge=1, le=1_000_000)]
Fraction = Annotated[float, Field(ge=0, le=1)]


class Patients(BaseModel):
    """Number of patients per split; each has two eyes."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    train: Count
    val: Count
    test: Count


class Params(SourceParams):
    """Parameters of the phantom under ``data:``."""

    seed: Annotated[int, Field(ge=0)]
    """Seed of all random numbers."""
    patients: Patients
    grades: tuple[Fraction, Fraction, Fraction, Fraction, Fraction]
    """Fractions of the grades 0-4 among each split's left eyes, and among its right eyes, before label noise."""
    agreement: Fraction
    """Fraction of patients whose eyes have the same grade, before label noise."""
    label_noise: Annotated[float, Field(ge=0, le=0.5)]
    """Fraction of each split's images whose label is moved to a neighbouring grade; the photograph is unchanged."""
    pixels: Annotated[int, Field(ge=160, le=2048)]
    """Width of a photograph."""

    @field_validator("grades")
    @classmethod
    def _sum_to_one(cls, grades: tuple[float, ...]) -> tuple[float, ...]:
        if not math.isclose(sum(grades), 1, abs_tol=1e-6):
            msg = f"must be five fractions that sum to 1, but {list(grades)} sums to {sum(grades):.6g}"
            raise ValueError(msg)
        return grades

    @model_validator(mode="after")
    def _can_disagree(self) -> Params:
        if max(self.grades) > self.agreement + 1e-9:
            msg = (
                "must have an `agreement` of at least the largest share in `grades` (else too few patients have other "
                f"grades to differ by), but {self.agreement} is less than {max(self.grades)}"
            )
            raise ValueError(msg)
        return self
