"""The step ``saliency``: where a change of a pixel would change the output most, for a few test photographs per grade.

The network is the first seed's of the arm that is best on val, its map the absolute gradient of the main output,
averaged over noisy copies of the image (SmoothGrad, Smilkov et al. 2017), by Captum. What such a map may be taken for
is limited: Adebayo et al. 2018, "Sanity checks for saliency maps". Beside it, where networks of other systems look that
cut windows from a photograph (:mod:`.attention`). No photograph is written, only maps and ids.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from benchmark.common.csv_rows import read_rows
from benchmark.common.terms import GRADES, Head
from benchmark.data.manifest import ManifestRow, read_manifest
from benchmark.evaluation import attention
from benchmark.evaluation.evaluate import WORST_ERRORS
from benchmark.evaluation.outputs import SPLIT, WorstRow
from benchmark.evaluation.salient import COPIES, IMAGES, MAPS, SalientRow, write_maps
from benchmark.runs.results import read_result
from benchmark.runs.run import RUNS
from benchmark.settings.params import Params

if TYPE_CHECKING:
    from torch import Tensor

    from models.network import Network

PER_GRADE = 4
SMOOTHED = 25
"""A map is averaged over squares of this fraction of the image's side."""
NOISE = 0.1
"""Its standard deviation, in shares of the range of an image's values."""


def run(params: Params) -> None:
    """Write ``saliency/``: which images, and their maps; none without test photographs or without the run's weights.

    Raises:
        InputError: there is no evaluation, or no run or photograph that it speaks of.
    """
    worst = read_rows(WORST_ERRORS, WorstRow, "fundusbench evaluate")
    known = worst and (_run_of(worst[0]) / "model.safetensors").exists()
    rows, maps = _look(params, worst[0]) if known else ([], np.zeros((0, 0, 0), np.float32))
    write_maps(IMAGES, SalientRow, rows, MAPS, maps)
    attention.run(params)


def _run_of(best: WorstRow) -> Path:
    """Folder of the first seed of the arm."""
    return RUNS / best.method / best.arm / best.seeds.split()[0]


def _look(params: Params, best: WorstRow) -> tuple[list[SalientRow], npt.NDArray[np.float32]]:
    """Images and maps of the first run of the arm that an error is told of."""
    from benchmark.training.batches import load_split
    from benchmark.training.device import open_fabric
    from benchmark.training.predict import load_model, predict_images

    result = read_result(_run_of(best))
    data = load_split(SPLIT, result.size, read_manifest())
    places = chosen(data.rows)
    pixels = data.pack.gather(np.array(places))
    model = load_model(result.folder()).to(open_fabric(params.train).device)
    answer = predict_images(model, pixels)[best.head].astype(np.float64)
    outputs = answer if best.head == "score" else answer @ np.arange(GRADES)
    whose = (result.method, result.arm, result.seed, result.size, best.head)
    shown = [data.rows[place] for place in places]
    rows = [
        SalientRow(*whose, row.image_id, row.grade, float(output)) for row, output in zip(shown, outputs, strict=True)
    ]
    return rows, saliency_maps(model, pixels, best.head)


def chosen(rows: Sequence[ManifestRow], per_grade: int = PER_GRADE) -> list[int]:
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
        answer = model.predict(model(images))[head]
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
