"""Parameters of the data stages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, ConfigDict, Field, SerializeAsAny, model_validator

from benchmark.common.section import Section as Section
from benchmark.common.terms import Size
from benchmark.images.colour_normalisation.registry import NORMALISATIONS
from benchmark.settings.checks import Policies, default_policies
from benchmark.sources.registry import SourceParams


class Sizes(Section):
    """Side of the square input in pixels, per role."""

    small: Annotated[int, Field(ge=16, le=2048)]
    """The paper's 224."""
    mid: Annotated[int, Field(ge=16, le=2048)]
    """The paper's 448."""
    large: Annotated[int, Field(ge=16, le=2048)]
    """The paper's 720."""

    def of(self, size: Size) -> int:
        """Return the pixels of a role."""
        return int(getattr(self, size))

    @model_validator(mode="after")
    def _grows(self) -> Sizes:
        if not self.small < self.mid < self.large:
            msg = f"sizes must grow from small to mid to large, but got {self.small}, {self.mid}, {self.large}"
            raise ValueError(msg)
        return self


def _known(name: str) -> str:
    if name not in NORMALISATIONS:
        msg = f"must be one of {', '.join(NORMALISATIONS)}, but got {name!r}"
        raise ValueError(msg)
    return name


Normalisation = Annotated[str, AfterValidator(_known)]
"""File of benchmark/images/colour_normalisation."""


class Prepare(Section):
    """Parameters of the stage ``prepare``."""

    colour_normalisation: Normalisation = "plain"
    """Colour normalisation: a file of benchmark/images/colour_normalisation (plain, graham, clahe,
    standardised)."""
    crop: Annotated[float, Field(ge=0.2, le=1)] = 1.0
    """Side of the square as a fraction of the diameter of the field of view: 1 shows all of it. 0.7 or less shows only
    retina, without the shape of the frame, from which some data sets' grades can be told."""
    encoding: Literal["raw", "jpeg"] = "raw"
    """Encoding of images in packs: raw bytes (fastest), or jpeg at quality 95. For the originals of IDRiD (n = 6), jpeg
    is about 8, 10 and 11 times smaller at 224, 448 and 720 px, and 2.5, 5 and 6 times at 40, 80 and 128 px."""
    workers: Annotated[int, Field(ge=0)] = 0
    """Number of decoding processes; 0 uses every core."""


class OwnPrepare(Section):
    """Preparation of an arm's images, where it differs from that of the other arms."""

    colour_normalisation: Normalisation | Literal[""] = ""
    """Colour normalisation of the arm's images; empty: that of ``prepare``."""


class ArmPacks(Section):
    """Settings of an arm that determine which packs it reads."""

    model_config = ConfigDict(extra="ignore")

    size: Size
    """Role of the input size."""
    prepare: OwnPrepare = OwnPrepare()
    """Preparation of its images, where it differs from ``prepare``; such an arm has packs of its own."""


class DataParams(Section):
    """Sections of params.yaml that the data stages read; they can be validated without ``models``."""

    data: SerializeAsAny[SourceParams]
    sizes: Sizes
    checks: Policies = Field(default_factory=default_policies)
    """Policy of each data check by its name; benchmark/data/checks has the defaults."""
    prepare: Prepare = Prepare()
    arms: Mapping[str, Mapping[str, ArmPacks]] = {}
    """Method -> arm -> its settings; the data stages read only those of :class:`ArmPacks`."""

    def packed_sizes(self) -> dict[str, list[Size]]:
        """Return the input sizes that are packed with each colour normalisation.

        With that of ``prepare``, all sizes are packed; with that of an arm, the sizes of such arms.
        """
        sizes: dict[str, set[Size]] = {self.prepare.colour_normalisation: set(get_args(Size))}
        for arm in (arm for arms in self.arms.values() for arm in arms.values()):
            if arm.prepare.colour_normalisation:
                sizes.setdefault(arm.prepare.colour_normalisation, set()).add(arm.size)
        return {colours: [size for size in get_args(Size) if size in found] for colours, found in sizes.items()}
