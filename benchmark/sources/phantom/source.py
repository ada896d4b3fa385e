"""The default data set: procedural fundus photographs with graded lesions, made here, of no real eye."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from benchmark.common.files import sha256_file, sha256_json
from benchmark.common.resources import core_count
from benchmark.common.terms import Counts, Split
from benchmark.jobs.processes import outcomes
from benchmark.sources.phantom.cohort import Shot, cohort
from benchmark.sources.phantom.render import save
from benchmark.sources.registry import About, Photograph, Progress, SourceParams

ABOUT = About(
    title="Phantom",
    homepage="",
    terms="drawn by this program, of no real eye: use it as you like",
    citation="this program, with its commit; it claims nothing about real eyes",
)

_WORTH_A_WORKER = 64
"""Photographs per process below which starting one costs more time than it saves."""

Count = Annotated[int, Field(ge=1, le=1_000_000)]
Share = Annotated[float, Field(ge=0, le=1)]


class Patients(BaseModel):
    """Patients per split; each has two eyes."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    train: Count
    val: Count
    test: Count


class Params(SourceParams):
    """What ``data:`` may hold for the phantom."""

    seed: Annotated[int, Field(ge=0)]
    """Everything drawn follows from it."""
    patients: Patients
    grades: tuple[Share, Share, Share, Share, Share]
    """Shares of the grades 0-4 among each split's left eyes, and among its right eyes, before label noise."""
    agreement: Share
    """Share of patients whose two eyes have one grade, before label noise."""
    label_noise: Annotated[float, Field(ge=0, le=0.5)]
    """Share of each split's images whose label is moved to a neighbouring grade; what is drawn stays."""
    pixels: Annotated[int, Field(ge=160, le=2048)]
    """Width of a photograph."""

    @field_validator("grades")
    @classmethod
    def _sum_to_one(cls, grades: tuple[float, ...]) -> tuple[float, ...]:
        if not math.isclose(sum(grades), 1, abs_tol=1e-6):
            msg = f"must be five shares that sum to 1, but {list(grades)} sums to {sum(grades):.6g}"
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


def expected(params: SourceParams) -> Mapping[Split, Counts] | None:
    """Nothing is checked: the counts follow from the parameters that draw the photographs."""
    return None


def photographs(params: Params, folder: Path, progress: Progress) -> Iterator[Photograph]:
    """Draw whatever is not yet drawn, then yield every photograph, by patient, left eye first.

    The files lie in a sub-folder named after all that decides their bytes, so those found there are kept: a run that
    was stopped goes on where it was. What other parameters or a killed run left behind is removed, so that the
    same is found whatever went before.
    """
    home = folder / f"phantom-{_identity(params)}"
    paths = {shot: home / f"{shot.image_id}.jpeg" for shot in cohort(params)}
    draw([(params.seed, shot, params.pixels, path) for shot, path in paths.items() if not path.exists()], progress)
    for stale in set(folder.glob("phantom-*")) - {home}:
        shutil.rmtree(stale)
    for partial in set(home.iterdir()) - set(paths.values()):
        partial.unlink()
    for shot, path in paths.items():
        yield Photograph(shot.image_id, path, shot.label, shot.split, str(shot.patient), shot.eye)


def draw(jobs: list[tuple[int, Shot, int, Path]], progress: Progress, workers: int = 0) -> None:
    """Write photographs (arguments of :func:`render.save`) in ``workers`` processes; 0 takes as many as pay.

    The bytes do not depend on how many there are.
    """
    workers = workers or min(core_count(), math.ceil(len(jobs) / _WORTH_A_WORKER), 32)
    results = outcomes(_save, jobs, workers) if workers > 1 else map(_save, jobs)
    for done, _ in enumerate(results, 1):
        progress(done, len(jobs))


def _save(job: tuple[int, Shot, int, Path]) -> None:
    save(*job)


def _identity(params: Params) -> str:
    """A hash of what decides the photographs' bytes: parameters, this package's code and the libraries that draw."""
    drawn = params.model_dump(include={"seed", "patients", "grades", "agreement", "pixels"})
    code = {path.name: sha256_file(path) for path in sorted(Path(__file__).parent.glob("*.py"))}
    return sha256_json({"params": drawn, "code": code, "cv2": cv2.__version__, "numpy": np.__version__})[:12]
