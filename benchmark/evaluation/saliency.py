"""The step ``saliency``: where a change of a pixel would change the output most, for a few test photographs per grade.

The network is the first seed's of the arm that is best on val, its map the absolute gradient of the main output,
averaged over noisy copies of the image (SmoothGrad, Smilkov et al. 2017), by Captum. What such a map may be taken for
is limited: Adebayo et al. 2018, "Sanity checks for saliency maps". No photograph is written, only maps and ids.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from benchmark.common.csv_rows import read_rows, write_rows
from benchmark.common.errors import InputError
from benchmark.common.files import atomic
from benchmark.common.terms import Head, Size
from benchmark.data.manifest import Row, read_manifest
from benchmark.evaluation.evaluate import WORST_ERRORS
from benchmark.evaluation.outputs import SPLIT, WorstRow
from benchmark.runs.declared import read_result
from benchmark.runs.spec import RUNS
from benchmark.scoring.kappa import GRADES
from benchmark.settings.params import Params

if TYPE_CHECKING:
    from torch import Tensor

    from models.network import Network

SALIENCY = Path("saliency")
IMAGES, MAPS = SALIENCY / "images.csv", SALIENCY / "maps.npy"
PER_GRADE = 4
SMOOTHED = 25
"""A map is averaged over squares of this fraction of the image's side."""
COPIES, NOISE = 12, 0.1
"""Noisy copies of an image, and the noise's standard deviation in shares of the range of its values."""


@dataclass(frozen=True, slots=True)
class SalientRow:
    """An image whose map is the same row of ``maps.npy``, shape (images, pixels, pixels), values 0 to 1."""

    stage: str
    arm: str
    seed: int
    size: Size
    head: Head
    image_id: str
    grade: int
    output: float
    """Score or, of probabilities, the expected grade."""


def run(params: Params) -> None:
    """Write ``saliency/``: which images, and their maps.

    Raises:
        InputError: there is no evaluation, or no run or photograph that it speaks of.
    """
    from benchmark.training.batches import load_split
    from benchmark.training.device import open_fabric
    from benchmark.training.predict import load_model, predict_images

    worst = read_rows(WORST_ERRORS, WorstRow, "fundusbench evaluate")
    if not worst:
        msg = f"saliency needs a test photograph, but {WORST_ERRORS} names none: evaluate a set that has a test split"
        raise InputError(msg)
    head, result = worst[0].head, read_result(RUNS / worst[0].stage / worst[0].arm / worst[0].seeds.split()[0])
    data = load_split(SPLIT, result.size, read_manifest())
    places = chosen(data.rows)
    model, pixels = load_model(result.folder()), data.pack.gather(np.array(places))
    model = model.to(open_fabric(params.train).device)
    maps = saliency_maps(model, pixels, head)
    answer = predict_images(model, pixels)[head].astype(np.float64)
    outputs = answer if head == "score" else answer @ np.arange(GRADES)
    rows = [
        SalientRow(
            result.stage,
            result.arm,
            result.seed,
            result.size,
            head,
            data.rows[place].image_id,
            data.rows[place].grade,
            float(output),
        )
        for place, output in zip(places, outputs, strict=True)
    ]
    with atomic(MAPS) as partial, partial.open("wb") as stream:
        np.save(stream, maps.astype(np.float16))
    write_rows(IMAGES, SalientRow, rows)


def chosen(rows: Sequence[Row], per_grade: int = PER_GRADE) -> list[int]:
    """Positions of a few images of each grade, by the hashes of their names: no output has a say in it."""
    order = sorted(range(len(rows)), key=lambda place: sha256(rows[place].image_id.encode()).digest())
    return [place for grade in range(GRADES) for place in [p for p in order if rows[p].grade == grade][:per_grade]]


def saliency_maps(model: Network, pixels: npt.NDArray[np.uint8], head: Head) -> npt.NDArray[np.float32]:
    """How much each place sways the output: SmoothGrad, the strongest channel, evened out.

    Args:
        model: in evaluation mode.
        pixels: bytes, shape (n, s, s, 3).
        head: of probabilities, the expected grade is followed.

    Returns:
        Shape (n, s, s), values 0 to 1, where a map's top hundredth is 1; equal images give equal maps.
    """
    import torch
    from captum.attr import NoiseTunnel, Saliency

    from benchmark.training.augment import Normalisation, normalise

    def output(images: Tensor) -> Tensor:
        answer = model.answers(model(images))[head]
        return answer if head == "score" else answer @ torch.arange(GRADES, dtype=answer.dtype, device=answer.device)

    tunnel = NoiseTunnel(Saliency(output))
    maps = []
    with torch.random.fork_rng():
        for image in pixels:
            torch.manual_seed(0)
            batch = normalise(torch.from_numpy(image[None]).to(model.mean.device), Normalisation(model.mean, model.std))
            noise = NOISE * float(batch.max() - batch.min())
            found = tunnel.attribute(batch, nt_type="smoothgrad", nt_samples=COPIES, stdevs=noise, abs=True)
            strongest = found.amax(1, keepdim=True).float()
            # A network that halves the map a few times looks at every other pixel: what lies between is no hole.
            even = 2 * (image.shape[0] // SMOOTHED // 2) + 1
            maps.append(torch.nn.functional.avg_pool2d(strongest, even, 1, even // 2)[0, 0].cpu().numpy())
    stacked = np.stack(maps)
    top = np.maximum(np.quantile(stacked, 0.99, axis=(1, 2), keepdims=True), np.finfo(np.float32).tiny)
    scaled: npt.NDArray[np.float32] = np.clip(stacked / top, 0, 1).astype(np.float32)
    return scaled
