"""One training step of the pipeline: every seed of one arm, from packs to predictions.

Read it from :func:`run` down. A run that is killed continues from its last checkpoint and ends bit-identical to one
that was not: order, augmentation and dropout are drawn from (seed, epoch, step), never from a generator's past.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from lightning_fabric import Fabric

from benchmark.common.files import read_json
from benchmark.common.terms import SPLITS
from benchmark.data.manifest import read_manifest
from benchmark.runs.declared import describe
from benchmark.runs.spec import RECORDS, RUNS, SCRATCH, RunSpec
from benchmark.training.batches import SplitData, load_split
from benchmark.training.device import memory_named, open_fabric
from benchmark.training.loop import RECORD, OnEpoch, key_of, train

if TYPE_CHECKING:
    from benchmark.settings.params import Params


def run(params: Params, stage: str, name: str) -> None:
    """Train every seed of an arm and publish the runs to ``runs/`` and their records to ``records/``.

    A seed that a killed process had finished is not trained again.

    Raises:
        InputError: the arm, its parent or its packs are missing, or a loss is not finite (the run is named).
    """
    arm = params.arm(stage, name)
    manifest = read_manifest()
    splits: dict[str, SplitData] = {split: load_split(split, arm.size, manifest) for split in SPLITS}
    specs = describe(params, stage, name, manifest, {split: len(data) for split, data in splits.items()})
    fabric = open_fabric(params.train)
    for number, spec in enumerate(specs, 1):
        label, live_after_s = f"{number}/{len(specs)}", params.tracking.live_after_s / len(specs)
        complete(spec, splits, fabric, spec.folder(SCRATCH), label, live_after_s)
    _publish(specs)


def complete(
    spec: RunSpec,
    splits: Mapping[str, SplitData],
    fabric: Fabric,
    scratch: Path,
    label: str,
    live_after_s: float = math.inf,
    on_epoch: OnEpoch | None = None,
) -> None:
    """Bring a run to its end, as :func:`train` does, unless its folder holds it finished.

    Raises:
        InputError: a loss is not finite, or a batch does not fit into memory (the run is named).
    """
    if not _finished(spec, scratch):
        with memory_named(spec):
            train(spec, splits, fabric, scratch, label, live_after_s, on_epoch)


def _finished(spec: RunSpec, scratch: Path) -> bool:
    return key_of(scratch) == spec.key and "epoch_kept" in read_json(scratch / "run.json")


def _publish(specs: list[RunSpec]) -> None:
    """Copy finished runs out of scratch: what is reproducible to ``runs/``, the rest to ``records/``."""
    for spec in specs:
        scratch, folder = spec.folder(SCRATCH), spec.folder(RUNS)
        record = spec.folder(RECORDS).with_suffix(".json")
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(scratch, folder, ignore=shutil.ignore_patterns(RECORD))
        record.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(scratch / RECORD, record)
    shutil.rmtree(specs[0].folder(SCRATCH).parent)
