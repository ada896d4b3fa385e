"""Where a system's network looks: its attention over a few test photographs, and the windows that it cuts there."""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from benchmark.common.terms import GRADES
from benchmark.data.manifest import read_manifest
from benchmark.evaluation.outputs import SPLIT
from benchmark.evaluation.salient import ATTENTION, WINDOWS, Maps, WindowsRow, write_maps
from benchmark.runs.results import read_trained
from benchmark.runs.run import RUNS, WEIGHTS
from benchmark.runs.spec import TrainedResult
from benchmark.settings.params import Params
from models.systems.registry import SYSTEMS

PER_GRADE = 2


def run(params: Params) -> None:
    """Write which photographs were looked at, and where; nothing is said of a network whose weights do not lie here."""
    rows: list[WindowsRow] = []
    maps: Maps = np.zeros((0, 0, 0), np.float32)
    for system in params.systems:
        folder = RUNS / system / SYSTEMS[system].attention_net / str(params.seeds[0])
        if SYSTEMS[system].attention_net and (folder / WEIGHTS).exists():
            rows, maps = _attention(params, read_trained(folder))
    write_maps(WINDOWS, WindowsRow, rows, ATTENTION, maps)


def _attention(params: Params, result: TrainedResult) -> tuple[list[WindowsRow], Maps]:
    """Photographs, windows in them, and the attention that these follow, from 0 to 1 in each map."""
    import torch

    from benchmark.evaluation.saliency import chosen
    from benchmark.training.augment import Normalisation, normalise
    from benchmark.training.batches import load_split
    from benchmark.training.device import open_fabric
    from benchmark.training.predict import load_model, outputs_from_raw
    from benchmark.training.system_view import view_images

    data = load_split(SPLIT, result.size, read_manifest())
    places = chosen(data.rows, PER_GRADE)
    if not places:
        return [], np.zeros((0, 0, 0), np.float32)
    model = load_model(result.folder()).to(open_fabric(params.train).device)
    pixels = torch.from_numpy(view_images(result, data.pack.gather(np.array(places)))).to(model.mean.device)
    body = cast("Any", model.backbone.get_submodule("body"))
    with torch.inference_mode():
        images = normalise(pixels, Normalisation(model.mean, model.std))
        response, corners, window = (each.float().cpu().numpy() for each in body.attention(images))
        prob = outputs_from_raw(model, {name: raw.float().cpu() for name, raw in model(images).items()})["prob"]
    low = response.min((1, 2), keepdims=True)
    maps = (response - low) / np.maximum(response.max((1, 2), keepdims=True) - low, np.finfo(np.float32).tiny)
    return [
        WindowsRow(
            method=result.method,
            arm=result.arm,
            seed=result.seed,
            size=result.size,
            image_id=data.rows[place].image_id,
            grade=data.rows[place].grade,
            output=float(prob[number] @ np.arange(GRADES)),
            side=result.pixels,
            window=int(window),
            corners=" ".join(str(int(value)) for value in corners[number].ravel()),
        )
        for number, place in enumerate(places)
    ], maps
