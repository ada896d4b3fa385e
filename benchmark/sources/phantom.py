"""Phantom, the default data set: procedurally generated fundus photographs with lesions by grade, of no real eye."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import cv2
import numpy as np

from benchmark.common.files import sha256_file, sha256_json
from benchmark.common.resources import core_count
from benchmark.common.terms import Counts, Split
from benchmark.jobs.processes import outcomes
from benchmark.sources._phantom.cohort import Shot, cohort
from benchmark.sources._phantom.params import Params as Params
from benchmark.sources._phantom.render import save
from benchmark.sources.registry import Photograph, Progress, SourceInfo, SourceParams

ABOUT = SourceInfo(
    title="Phantom",
    homepage="",
    terms="drawn by this program, of no real eye: use it as you like",
    citation="this program, with its commit; it claims nothing about real eyes",
)

_WORTH_A_WORKER = 64
"""Photographs per process below which starting one costs more time than it saves."""


def expected(params: SourceParams) -> Mapping[Split, Counts] | None:
    """Return None: the counts follow from the parameters that generate the photographs."""
    return None


def photographs(params: Params, folder: Path, progress: Progress) -> Iterator[Photograph]:
    """Generate the missing photographs, then yield all of them, by patient, left eye first.

    The name of their folder is a hash of everything that determines their bytes, so existing files are reused and an
    interrupted run resumes. Files of other parameters or of a killed run are removed.
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
    """Hash everything that determines the photographs' bytes: parameters, code and the drawing libraries."""
    drawn = params.model_dump(include={"seed", "patients", "grades", "agreement", "pixels"})
    files = [Path(__file__), *sorted(Path(__file__).with_name("_phantom").glob("*.py"))]
    code = {path.name: sha256_file(path) for path in files}
    return sha256_json({"params": drawn, "code": code, "cv2": cv2.__version__, "numpy": np.__version__})[:12]
