"""The step ``saliency``: saliency maps of a few test photographs per grade.

The network is the first seed of the arm that is best on val. A map is the absolute gradient of the main output,
averaged over noisy copies of the image (SmoothGrad, Smilkov et al. 2017), computed by Captum. Such maps must be read
with caution: Adebayo et al. 2018, "Sanity checks for saliency maps". The step also writes the attention maps of
compared systems (:mod:`.attention`). No photograph is written, only maps and ids.
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
from benchmark.evaluation.saliency_files import N_NOISY_COPIES, SALIENCY_IMAGES, SALIENCY_MAPS, SaliencyRow, write_maps
from benchmark.runs.results import read_trained
from benchmark.runs.run import RUNS
from benchmark.settings.params import Params

if TYPE_CHECKING:
    from torch import Tensor

    from models.network import Network

N_SALIENCY_PER_GRADE = 4
SMOOTHING_DIVISOR = 25
"""Maps are averaged over squares whose side is the image's side divided by this number."""
NOISE_SD = 0.1
"""Standard deviation of the noise as a fraction of the range of an image's values."""


def run(params: Params) -> None:
    """Write ``saliency/``: images and their maps; empty without test photographs or without the run's weights.

    Raises InputError if the evaluation does not exist, or a run or photograph that it names does not.
    """
    worst = read_rows(WORST_ERRORS, WorstRow, "fundusbench evaluate")
    has_weights = worst and (_run_folder(worst[0]) / "model.safetensors").exists()
    rows, maps = _explain(params, worst[0]) if has_weights else ([], np.zeros((0, 0, 0), np.float32))
    write_maps(SALIENCY_IMAGES, SaliencyRow, rows, SALIENCY_MAPS, maps)
    attention.run(params)


def _run_folder(best: WorstRow) -> Path:
    """Return the folder of the arm's first seed."""
    return RUNS / best.method / best.arm / best.seeds.split()[0]


def _explain(params: Params, best: WorstRow) -> tuple[list[SaliencyRow], npt.NDArray[np.float32]]:
    """Return images and maps of the first run of the arm of a worst error."""
    from benchmark.training.batches import load_split
    from benchmark.training.device import open_fabric
    from benchmark.training.predict import load_model, predict_images

    result = read_trained(_run_folder(best))
    data = load_split(SPLIT, result.packs, read_manifest())
    indices = choose_images(data.rows)
    pixels = data.pack.gather(np.array(indices))
    model = load_model(result.folder()).to(open_fabric(params.train).device)
    answer = predict_images(model, pixels)[best.head].astype(np.float64)
    outputs = answer if best.head == "score" else answer @ np.arange(GRADES)
    run_columns = (result.method, result.arm, result.seed, result.size, best.head)
    images = [data.rows[index] for index in indices]
    rows = [
        SaliencyRow(*run_columns, image.image_id, image.grade, float(output))
        for image, output in zip(images, outputs, strict=True)
    ]
    return rows, saliency_maps(model, pixels, best.head)


def choose_images(rows: Sequence[ManifestRow], per_grade: int = N_SALIENCY_PER_GRADE) -> list[int]:
    """Return the indices of a few images of each grade, chosen by the hashes of their ids, not by any output."""
    order = sorted(range(len(rows)), key=lambda index: sha256(rows[index].image_id.encode()).digest())
    return [index for grade in range(GRADES) for index in [i for i in order if rows[i].grade == grade][:per_grade]]


def saliency_maps(model: Network, pixels: npt.NDArray[np.uint8], head: Head) -> npt.NDArray[np.float32]:
    """Compute SmoothGrad maps: the maximum over channels of the output's absolute gradient, spatially smoothed.

    The pixels are bytes, shape (n, s, s, 3); of probabilities, the expected grade is explained. Maps have the shape (n,
    s, s) and values 0 to 1; the highest percent of a map is 1. Equal images give equal maps.
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
            noise = NOISE_SD * float(batch.max() - batch.min())
            gradients = tunnel.attribute(batch, nt_type="smoothgrad", nt_samples=N_NOISY_COPIES, stdevs=noise, abs=True)
            strongest = gradients.amax(1, keepdim=True).float()
            # Strided layers give a checkerboard of gradients; average pooling removes it.
            kernel = 2 * (image.shape[0] // SMOOTHING_DIVISOR // 2) + 1
            maps.append(torch.nn.functional.avg_pool2d(strongest, kernel, 1, kernel // 2)[0, 0].cpu().numpy())
    stacked = np.stack(maps)
    top = np.maximum(np.quantile(stacked, 0.99, axis=(1, 2), keepdims=True), np.finfo(np.float32).tiny)
    scaled: npt.NDArray[np.float32] = np.clip(stacked / top, 0, 1).astype(np.float32)
    return scaled
