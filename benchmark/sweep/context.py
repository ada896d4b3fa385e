"""The context that all trials of a process share: opened packs, device and study."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from optuna import Study

from benchmark.common.files import sha256_json
from benchmark.common.progress import progress_bar
from benchmark.common.terms import Split
from benchmark.data.manifest import ManifestRow, read_manifest
from benchmark.data.packs import pack_name
from benchmark.dispatch import train
from benchmark.jobs.queue import Report
from benchmark.report.captions import HEAD_NAMES, PHANTOM
from benchmark.runs.declared import resolve_arm
from benchmark.runs.spec import TrainedRun
from benchmark.settings.params import Params
from benchmark.settings.sweep import Value
from benchmark.sweep.space import arm_of, enqueued, fixed_parameters, published, variant
from benchmark.sweep.study import ABOUT, SWEEP, open_study
from benchmark.training import device
from benchmark.training.batches import SplitData, load_split
from benchmark.training.loop import Callbacks, Curve

if TYPE_CHECKING:
    from lightning_fabric import Fabric

_IDENTITY = {"space", "head", "epochs", "sampler_seed", "startup", "prune_below", "warmup_epochs"}
"""Settings that identify a study, together with the runs of the published values."""
SEARCHED: tuple[Split, ...] = ("train", "val")
"""Splits that a search opens."""


@dataclass(frozen=True, slots=True)
class SweepContext:
    """The context of trials.

    Attributes:
        splits: the splits at the arm's size; only train and val during the search.
        log: prints a line about a trial.
        report: receives the number of processed images of a run; None shows a progress bar.
    """

    params: Params
    manifest: list[ManifestRow]
    splits: Mapping[str, SplitData]
    fabric: Fabric = field(repr=False)
    log: Callable[[str], None] = lambda line: print(line, file=sys.stderr, flush=True)
    report: Report | None = None

    def specs(self, values: Mapping[str, Value], seeds: list[int]) -> Sequence[TrainedRun]:
        """Return the runs of the arm with some values, one per seed.

        Raises InputError if the arm starts from another one that was not trained on these seeds.
        """
        varied = variant(self.params, values, seeds)
        return resolve_arm(varied, *arm_of(varied), self.manifest)

    def complete(
        self, spec: TrainedRun, folder: Path, label: str, on_epoch: Callable[[Curve], None] | None = None
    ) -> None:
        """Train a run in its folder, or resume its training."""
        total = spec.train.epochs * spec.data.train
        name = f"{spec.title} ({label})"
        with progress_bar(total=total, desc=name, unit="img", disable=self.report is not None) as bar:

            def update(done: int) -> None:
                bar.update(done - bar.n)

            report = self.report or update
            callbacks = Callbacks(report, on_epoch) if on_epoch else Callbacks(report)
            train.complete(spec, self.splits, self.fabric, folder, callbacks)


def open_context(params: Params, opened: Sequence[Split] = SEARCHED, card: int = 0) -> SweepContext:
    """Open the packs of some splits at the arm's size, on a graphics card by its index; a search never opens test."""
    manifest, arm = read_manifest(), arm_of(params)
    packs = pack_name(params.arm(*arm).size, params.of(arm).prepare.colour_normalisation)
    splits: dict[str, SplitData] = {split: load_split(split, packs, manifest) for split in opened}
    return SweepContext(params, manifest, splits, device.open_fabric(params.train, card))


def run_folder(study: str, name: str) -> Path:
    """Return the folder of a trial's run."""
    return SWEEP / study / "runs" / name


def run_name(spec: TrainedRun) -> str:
    """Return the folder name of a run, which follows from its key, so that a retried trial resumes its runs."""
    return spec.key[:16]


def study_of(context: SweepContext) -> Study:
    """Open the study of these parameters, data and code, and create it if it does not exist.

    Its name is the given one and a hash of everything that determines the trials' values. Raises InputError if the
    storage cannot be reached, or the arm's parent has no finished run of one of the sweep's seeds.
    """
    from optuna_dashboard import save_note

    params, sweep = context.params, context.params.sweep
    specs = context.specs(published(params), sweep.seeds)
    # Fail now, not after the search, if the retraining lacks a parent.
    context.specs(published(params), sweep.retrain_seeds)
    identity = [sweep.model_dump(mode="json", include=_IDENTITY), [spec.key for spec in specs]]
    name = f"{sweep.study}-{sha256_json(identity)[:8]}"
    study = open_study(sweep, name, enqueued(params), fixed_parameters(params))
    about = {
        "study": sweep.study,
        "arm": sweep.arm,
        "head": sweep.head,
        "goal": sweep.trials,
        "seeds": sweep.seeds,
        "space": {key: rule.model_dump(exclude_defaults=True) for key, rule in sweep.space.items()},
        "published": published(params),
        "data": specs[0].data.model_dump(),
    }
    if study.user_attrs.get(ABOUT) != about:
        study.set_user_attr(ABOUT, about)
        data, seeds = params.data, ", ".join(map(str, sweep.seeds))
        text = f"Arm {sweep.arm} on {data.name}: mean val kappa of {HEAD_NAMES[sweep.head]} over the seeds {seeds}."
        study.set_metric_names(["val kappa"])
        save_note(study, f"{PHANTOM.capitalize()}. {text}" if data.synthetic else text)
    return study
