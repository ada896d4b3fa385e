"""What is done to photographs before anything is trained."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from benchmark.common.section import Section as Section
from benchmark.common.terms import Size
from benchmark.images.colour_normalisation.registry import NORMALISATIONS

Policy = Literal["stop", "warn", "drop"]
"""Stop before the manifest is written; go on and say so; go on without the photographs that the finding names."""


class Sizes(Section):
    """Side of the square input in pixels, per role."""

    small: Annotated[int, Field(ge=16, le=2048)]
    """The paper's 224."""
    mid: Annotated[int, Field(ge=16, le=2048)]
    """The paper's 448."""
    large: Annotated[int, Field(ge=16, le=2048)]
    """The paper's 720."""

    def of(self, size: Size) -> int:
        """Pixels of a role."""
        return int(getattr(self, size))

    @model_validator(mode="after")
    def _grows(self) -> Sizes:
        if not self.small < self.mid < self.large:
            msg = "sizes must grow from small to mid to large"
            raise ValueError(msg)
        return self


class Prepare(Section):
    """From photographs to packs."""

    colour_normalisation: str = "plain"
    """What is done to the colours: a file of benchmark/images/colour_normalisation (plain, graham, clahe)."""
    encoding: Literal["raw", "jpeg"] = "raw"
    """How packs hold images: raw bytes (fastest), or jpeg at quality 95. Made from the originals of IDRiD (n = 6) that
    is about 8, 10 and 11 times smaller at 224, 448 and 720 px, and 2.5, 5 and 6 times at 40, 80 and 128 px."""
    workers: Annotated[int, Field(ge=0)] = 0
    """Processes that decode; 0 takes every core."""

    @field_validator("colour_normalisation")
    @classmethod
    def _is_known(cls, name: str) -> str:
        if name not in NORMALISATIONS:
            msg = f"must be one of {', '.join(NORMALISATIONS)}, but got {name!r}"
            raise ValueError(msg)
        return name


class Checks(Section):
    """What to do with what each check of the data finds (benchmark/data/checks).

    Stop before anything is trained; warn and go on; or drop the photographs concerned, of a leak between splits those
    of train (of val, where it leaks into test). What the manifest cannot hold cannot be warned of alone, and a count
    cannot be dropped.
    """

    ids: Literal["stop", "drop"] = "stop"
    """An id has two rows: somebody has to say which one holds."""
    labels: Literal["stop", "drop"] = "stop"
    """A label is no grade: likely the wrong column, or another scale."""
    counts: Literal["stop", "warn"] = "stop"
    """Splits differ from the published ones: numbers would compare with nobody's."""
    patients: Policy = "stop"
    """A patient is in two splits: the split is wrong, and dropping hides how."""
    eyes: Policy = "warn"
    """An eye lacks its fellow: harmless, but a sign of lost rows."""
    readable: Policy = "stop"
    """A file is missing or damaged: likely an incomplete download. Under warn, `prepare` leaves it out."""
    black: Policy = "warn"
    """There is nothing to see: published sets hold such, with a grade."""
    tiny: Policy = "warn"
    """Too few pixels for lesions: some sets are thumbnails by design."""
    fundus: Policy = "warn"
    """It looks like something else: a guess, so look at it."""
    identical: Policy = "drop"
    """Pixels recur: certain, so the leak goes and what is measured on stays as published."""
    near: Policy = "warn"
    """A shot recurs, changed: nearly certain, so look at it; drop once you have."""

    def of(self, name: str) -> Policy:
        """What to do with the findings of a check."""
        policy: Policy = getattr(self, name)
        return policy
