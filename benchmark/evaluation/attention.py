"""Attention maps of a compared system over a few test photographs, and the windows that its network crops there."""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from benchmark.common.terms import GRADES
from benchmark.data.manifest import read_manifest
from benchmark.evaluation.outputs import SPLIT
from benchmark.evaluation.saliency_files import ATTENTION_MAPS, WINDOWS_FILE, Maps, WindowsRow, write_maps
from benchmark.runs.results import read_trained
from benchmark.runs.run import RUNS, WEIGHTS
from benchmark.runs.spec import TrainedResult
from benchmark.settings.params import Params
from models.systems.registry import SYSTEMS

N_ATTENTION_PER_GRADE = 2


def run(params: Params) -> None:
    """Write the attention maps and windows; systems whose weights are not on this machine are skipped."""
    rows: list[WindowsRow] = []
    maps: Maps = np.zeros((0, 0, 0), np.float32)
    for system in params.systems:
        folder = RUNS / system / SYSTEMS[system].attention_net / str(params.seeds[0])
        if SYSTEMS[system].attention_net and (folder / WEIGHTS).exists():
            rows, maps = _attention(params, read_trained(folder))
    write_maps(WINDOWS_FILE, WindowsRow, rows, ATTENTION_MAPS, maps)


def _attention(params: Params, result: TrainedResult) -> tuple[list[WindowsRow], Maps]:
    """Return the windows of a few photographs and the attention maps that they follow, each scaled from 0 to 1."""
    import torch

    from benchmark.evaluation.saliency import choose_images
    from benchmark.training.augment import Normalisation, normalise
    from benchmark.training.batches import load_split
    from benchmark.training.device import open_fabric
    from benchmark.training.predict import load_model, outputs_from_raw
    from benchmark.training.system_view import view_images

    data = load_split(SPLIT, result.packs, read_manifest())
    indices = choose_images(data.rows, N_ATTENTION_PER_GRADE)
    if not indices:
        return [], np.zeros((0, 0, 0), np.float32)
    model = load_model(result.folder()).to(open_fabric(params.train).device)
    pixels = torch.from_numpy(view_images(result, data.pack.gather(np.array(indices)))).to(model.mean.device)
    body = cast("Any", model.backbone.get_submodule("body"))
    with torch.inference_mode():
        images = normalise(pixels, Normalisation(model.mean, model.std))
        response, corners, window = (tensor.float().cpu().numpy() for tensor in body.attention(images))
        prob = outputs_from_raw(model, {name: raw.float().cpu() for name, raw in model(images).items()})["prob"]
    low = response.min((1, 2), keepdims=True)
    maps = (response - low) / np.maximum(response.max((1, 2), keepdims=True) - low, np.finfo(np.float32).tiny)
    return [
        WindowsRow(
            method=result.method,
            arm=result.arm,
            seed=result.seed,
            size=result.size,
            image_id=data.rows[index].image_id,
            grade=data.rows[index].grade,
            output=float(prob[i] @ np.arange(GRADES)),
            side=result.pixels,
            window=int(window),
            corners=" ".join(str(int(value)) for value in corners[i].ravel()),
        )
        for i, index in enumerate(indices)
    ], maps
