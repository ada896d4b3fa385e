"""The step ``prepare``: photographs to packs of square images, per size and split.

Each photograph is decoded once, cropped to a square around its field of view at the largest size, and its colours are
normalised; the smaller sizes are derived from the result. A finished image is stored in ``scratch/prepare`` under its
photograph's hash until all are packed, so a killed run resumes where it stopped. Images of earlier packs are reused as
long as the photograph and the recipe are the same.
"""

from __future__ import annotations

import csv
import hashlib
import io
import logging
import shutil
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from safetensors import safe_open

from benchmark.common.errors import InputError
from benchmark.common.files import sha256_json, write_text
from benchmark.common.loaded import require_unedited
from benchmark.common.progress import progress_bar
from benchmark.common.resources import core_count
from benchmark.common.sealed import read_sealed, write_sealed
from benchmark.common.terms import SPLITS
from benchmark.data.manifest import DATA, MANIFEST, ManifestRow, read_manifest
from benchmark.data.packs import PACKS, Pack, PackRow, PackSpec, open_pack, pack_name, pack_path, pack_specs, write_pack
from benchmark.data.shortcuts import GradedImage, predict_from_shortcuts, write_shortcuts
from benchmark.images.colour_normalisation.registry import NORMALISATIONS
from benchmark.images.encoding import Encoding, encode
from benchmark.images.plain import plain_photograph
from benchmark.images.reading import UnreadableImage, read_rgb
from benchmark.images.recipe import recipe_files
from benchmark.images.shortcut_features import picture_features
from benchmark.images.square import square_images
from benchmark.jobs.processes import outcomes

if TYPE_CHECKING:
    from benchmark.settings.data import DataParams

log = logging.getLogger(__name__)

SKIPPED = PACKS / "skipped.csv"
SCRATCH = Path("scratch/prepare")
EARLIER = Path("scratch/earlier_packs")
"""Hard links to the packs of the last run; DVC removes the packs themselves before the next run."""
_BLOCK = 256
"""Number of packed images that are read together."""
CHANGED, MISSING = STALE = "it has changed since the manifest was written", "it is missing"


@dataclass(frozen=True, slots=True)
class PrepareJob:
    """One photograph to prepare, and the target file for its encoded image of each stored role."""

    path: Path
    sha256: str
    sizes: dict[str, int]
    """Pixels of each role, the largest included, from which the others are derived."""
    stored: tuple[str, ...]
    colour_normalisation: str
    crop: float
    encoding: Encoding
    target: Path


def run(params: DataParams, folder: Path = DATA) -> None:
    """Write the declared packs with the manifest's rows in its order, and two tables beside them.

    A pack is ``packs/<colour normalisation>/<role>/<split>.arrow``; ``packs/skipped.csv`` lists unreadable photographs,
    ``packs/shortcuts.csv`` predictions by shortcuts.

    Args:
        params: parameters of the data stages.
        folder: folder of the data set.

    Raises:
        InputError: photographs have changed or are missing since the manifest was written; all of them are named.
            Unreadable photographs that the check ``readable`` accepted are skipped and listed.
    """
    # Labels without photographs give empty packs.
    rows = [row for row in read_manifest(folder / MANIFEST.name) if row.path]
    packs = folder / PACKS.name
    for leftover in packs.rglob(".*.partial"):
        leftover.unlink()
    _remove_undeclared(params, packs)
    stores = [ImageStore(specs, packs / colours) for colours, specs in declared_packs(params).items()]
    photographs = {row.sha256: Path(row.path) for row in rows}
    jobs = [store.job(path, sha256) for store in stores for sha256, path in photographs.items() if sha256 not in store]
    reasons = _prepare(jobs, params.prepare.workers, len(photographs) * len(stores))
    bad = [row for row in rows if row.sha256 in reasons]
    if stale := [f"{row.image_id} ({row.path}: {reasons[row.sha256]})" for row in bad if reasons[row.sha256] in STALE]:
        msg = f"photographs must be as the manifest lists them, but {'; '.join(stale)}: run `fundusbench fetch` first"
        raise InputError(msg)
    good = [row for row in rows if row.sha256 not in reasons]
    for store, split in product(stores, SPLITS):
        for role in store.specs:
            _pack(role, split, [row for row in good if row.split == split], store)
    _write_skipped(packs / SKIPPED.name, bad, reasons)
    small = pack_name("small", params.prepare.colour_normalisation)
    write_shortcuts(predict_from_shortcuts(_graded_squares(good, small, packs)), packs)
    _link_packs(packs)
    shutil.rmtree(SCRATCH, ignore_errors=True)
    prepared = len({job.sha256 for job in jobs} - reasons.keys())
    print(f"{packs}: {len(good)} images, {prepared} of them prepared now; {len(bad)} skipped")


def declared_packs(params: DataParams) -> dict[str, dict[str, PackSpec]]:
    """Return the spec of each declared pack by its colour normalisation and the role of its size."""
    return {
        colours: {
            role: spec
            for role, spec in pack_specs(
                params.sizes, params.prepare.model_copy(update={"colour_normalisation": colours})
            ).items()
            if role in sizes
        }
        for colours, sizes in params.packed_sizes().items()
    }


def _remove_undeclared(params: DataParams, packs: Path) -> None:
    """Remove packs that no arm reads any more."""
    declared = params.packed_sizes()
    for folder in packs.glob("*/"):
        for size in (folder, *folder.glob("*/")):
            if folder.name not in declared or (size != folder and size.name not in declared[folder.name]):
                shutil.rmtree(size, ignore_errors=True)


def prepare_photograph(spec: PackSpec, data: bytes) -> npt.NDArray[np.uint8]:
    """Prepare one photograph from the bytes of its file, like an image read from a pack: shape (size, size, 3).

    Raises:
        UnreadableImage: the bytes cannot be read as an image.
    """
    sizes = {"largest": spec.shrunk_from or spec.size, "pack": spec.size}
    image = square_images(plain_photograph(data), sizes, spec.colour_normalisation, spec.crop)["pack"]
    return image if spec.encoding == "raw" else read_rgb(encode(image, spec.encoding))


class ImageStore:
    """The finished images: those in packs of an earlier run, and those in the scratch folder."""

    def __init__(self, specs: dict[str, PackSpec], packs: Path = PACKS) -> None:
        self.specs = specs
        self.packs = packs
        self._folder = SCRATCH / sha256_json({role: asdict(spec) for role, spec in specs.items()})[:16]
        self._opened: dict[Path, Pack | None] = {}
        self._packed = {role: self._reusable(role, spec) for role, spec in specs.items()}

    def __contains__(self, sha256: str) -> bool:
        if all(sha256 in packed and Pack.is_intact(*packed[sha256]) for packed in self._packed.values()):
            return True
        return read_sealed(self._file(sha256)) is not None

    def pack(self, path: Path) -> Pack | None:
        """Return a pack as it was before this run; None if there is no usable one."""
        if path not in self._opened:
            self._opened[path] = _try_open(path)
        return self._opened[path]

    def _reusable(self, role: str, spec: PackSpec) -> dict[str, tuple[Pack, int]]:
        """Return the images of earlier packs of a size, by the hash of their photograph."""
        found: dict[str, tuple[Pack, int]] = {}
        for parent, split in product((EARLIER / self.packs, self.packs), SPLITS):
            pack = self.pack(pack_path(split, role, parent))
            if pack is not None and pack.spec == spec:
                found |= {sha256: (pack, index) for index, sha256 in enumerate(pack.sha256)}
        return found

    def job(self, path: Path, sha256: str) -> PrepareJob:
        """Return the job that prepares a photograph."""
        spec = next(iter(self.specs.values()))
        sizes = {role: spec.size for role, spec in self.specs.items()} | {"largest": spec.shrunk_from or spec.size}
        return PrepareJob(
            *(path, sha256, sizes, tuple(self.specs), spec.colour_normalisation, spec.crop, spec.encoding),
            self._file(sha256),
        )

    def image(self, role: str, sha256: str) -> bytes:
        """Return an image, encoded as in packs."""
        file = self._file(sha256)
        if file.exists():
            with safe_open(file, "numpy") as images:  # It was checked, or made by this run.
                return bytes(images.get_tensor(role))
        pack, index = self._packed[role][sha256]
        return bytes(pack.stored(index))

    def _file(self, sha256: str) -> Path:
        return self._folder / sha256[:2] / f"{sha256}.safetensors"


def _try_open(path: Path) -> Pack | None:
    try:
        return open_pack(path)
    except InputError:
        return None


def _prepare(jobs: list[PrepareJob], workers: int, total: int) -> dict[str, str]:
    """Run the jobs, and return the reason for each unreadable photograph, by its hash."""
    reasons: dict[str, str] = {}
    if not jobs:
        return reasons
    with progress_bar(total=total, initial=total - len(jobs), unit=" images", desc="prepare") as bar:
        for job, reason in outcomes(_work, jobs, min(workers or core_count(), len(jobs))):
            if reason:
                reasons[job.sha256] = reason
            bar.update()
    return reasons


def _work(job: PrepareJob) -> str:
    """Prepare one photograph, and return the reason if it cannot be read, else an empty string."""
    try:
        data = job.path.read_bytes()
    except OSError as error:
        # Without a hash it was missing when the manifest was written.
        return MISSING if job.sha256 else error.strerror or str(error)
    if hashlib.sha256(data).hexdigest() != job.sha256:
        return CHANGED
    try:
        images = square_images(plain_photograph(data), job.sizes, job.colour_normalisation, job.crop)
    except UnreadableImage as error:
        return str(error)
    stored = {role: np.frombuffer(encode(images[role], job.encoding), np.uint8) for role in job.stored}
    require_unedited(recipe_files(job.colour_normalisation))
    write_sealed(job.target, stored, durable=False)
    return ""


def _pack(role: str, split: str, rows: list[ManifestRow], store: ImageStore) -> None:
    """Write one pack, unless it is up to date."""
    path, spec = pack_path(split, role, store.packs), store.specs[role]
    present = store.pack(path)
    ids, hashes = [row.image_id for row in rows], [row.sha256 for row in rows]
    if present is not None and (present.spec, present.image_ids, present.sha256) == (spec, ids, hashes):
        if all(map(present.is_intact, range(len(present)))):
            return
        log.warning("%s is damaged: it is written again", path)
    bar = progress_bar(rows, unit=" images", desc=f"pack {role} {split}", leave=False)
    write_pack(path, spec, (PackRow(row.image_id, row.sha256, store.image(role, row.sha256)) for row in bar))


def _graded_squares(rows: list[ManifestRow], name: str, packs: Path) -> list[GradedImage]:
    """Return the grades and features of the packed images, at the smallest size, which shows the same picture."""
    found: list[GradedImage] = []
    for split in SPLITS:
        pack, inside = open_pack(pack_path(split, name, packs)), [row for row in rows if row.split == split]
        background = NORMALISATIONS[pack.spec.colour_normalisation].background
        for start in range(0, len(inside), _BLOCK):
            block = inside[start : start + _BLOCK]
            images = pack.gather(np.arange(start, start + len(block)))
            found += [
                GradedImage(row.image_id, row.patient, row.split, row.grade, picture_features(image, background))
                for row, image in zip(block, images, strict=True)
            ]
    return found


def _link_packs(packs: Path) -> None:
    """Hard-link the packs for the next run; on a file system without links, it prepares all images again."""
    shutil.rmtree(EARLIER / packs, ignore_errors=True)
    for path in packs.rglob("*.arrow"):
        link = EARLIER / path
        link.parent.mkdir(parents=True, exist_ok=True)
        with suppress(OSError):
            link.hardlink_to(path)


def _write_skipped(path: Path, bad: list[ManifestRow], reasons: dict[str, str]) -> None:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["image_id", "path", "reason"])
    writer.writerows([row.image_id, row.path, reasons[row.sha256]] for row in bad)
    write_text(path, stream.getvalue())
