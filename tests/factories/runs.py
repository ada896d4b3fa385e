"""Finished runs with made-up predictions, equal on every machine, as input of the evaluation and the report."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import astuple, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from benchmark.common.files import write_text
from benchmark.common.terms import Arm
from benchmark.data.checks.registry import NearDuplicate
from benchmark.data.outcome import run_checks, write_check_rows
from benchmark.data.packs import PackSpec
from benchmark.evaluation import architecture, evaluate
from benchmark.report.inputs import Inputs
from benchmark.report.render import table_to_csv
from benchmark.report.tables.registry import make_tables
from benchmark.runs.predictions import Predictions, write_predictions
from benchmark.runs.results import read_result, write_result
from benchmark.runs.run import (
    RECORDS,
    RUNS,
    WEIGHTS,
    DataSummary,
    Holdout,
    PluginChoice,
    Record,
    TunedThresholds,
)
from benchmark.runs.spec import ArmResult, BlendResult, NetworkResult, PredictionsResult, RunResult, heads_of
from benchmark.runs.systems import step_nets
from benchmark.scoring.decision_rules.registry import DEFAULT
from benchmark.settings.checks import default_policies
from benchmark.settings.params import PREDICTIONS, Params
from benchmark.sources.registry import SourceParams
from benchmark.statistics import decision_rules, metrics
from benchmark.statistics.estimates import Estimate, select, write_estimates
from benchmark.statistics.graded_runs import BOTH, GradedRuns, read_graded_runs
from benchmark.statistics.planned import PAIRS, read_pairs
from benchmark.statistics.published.claims import CLAIMS
from benchmark.statistics.published.dataset_authors import DATASET_AUTHORS
from benchmark.statistics.published.tables import PUBLISHED
from benchmark.statistics.ranks import rank_estimates
from benchmark.statistics.shortcuts import shortcut_estimates
from benchmark.statistics.systems import controls, steps
from benchmark.statistics.verdicts import VERDICTS
from models.blends.registry import BLENDS
from models.losses.registry import LOSSES
from models.systems.registry import SYSTEMS as LAID_OUT
from models.systems.registry import fov_of
from tests.factories.eyes import dataset_of, image_info
from tests.factories.paths import ROOT
from tests.factories.systems import SYSTEMS


def reseal(folder: Path) -> None:
    """Give a finished run the hashes of its present files, as if its training had written them."""
    write_result(read_result(folder), folder)


IMAGES = {"val": 60, "test": 100}
TRANSFERRED = {("basenet", "mse_mid"), ("basenet", "ce_mid"), ("m2cnn", "large")}
"""Arms with predictions on other data sets."""

ARMS = {
    "basenet": {
        **{f"mse_{size}": {"loss": "mse", "size": size} for size in ("small", "mid", "large")},
        **{f"ce_{size}": {"loss": "ce", "size": size} for size in ("small", "mid", "large")},
    },
    "basenet_mt": {size: {"loss": "ce_mse", "size": size} for size in ("small", "mid", "large")},
    "m2cnn": {
        "mid": {"loss": "ce_mse", "size": "mid", "n_cells": 1, "from": "basenet_mt/small"},
        "large": {"loss": "ce_mse", "size": "large", "n_cells": 2, "from": "m2cnn/mid"},
    },
    "controls": {
        "staged_mid": {"loss": "ce_mse", "size": "mid", "from": "basenet_mt/small"},
        "staged_large": {"loss": "ce_mse", "size": "large", "from": "controls/staged_mid"},
        "cells_mid": {"loss": "ce_mse", "size": "mid", "n_cells": 1},
        "cells_large": {"loss": "ce_mse", "size": "large", "n_cells": 2},
        "same_images": {"loss": "ce_mse", "size": "large", "match": "images", "of": "m2cnn/large"},
        "same_macs": {"loss": "ce_mse", "size": "large", "match": "macs", "of": "m2cnn/large"},
    },
}

EPOCHS = {"": 3, "images": 9, "macs": 4}
"""Epochs by the cost that an arm matches: M2CNN's three stages of 3 epochs, as images or as multiply-adds."""

NETWORKS = """\
of,backbone,stride,truncate_after,pixels,n_cells,before,after,parameters,macs
paper,inception_resnet_v2,32,block8,224,0,5,5,51000000,6400000000
paper,inception_resnet_v2,32,block8,256,0,6,6,51000000,8700000000
paper,inception_resnet_v2,32,block8,299,0,8,8,51000000,12900000000
paper,inception_resnet_v2,32,block8,448,0,12,12,51000000,30000000000
paper,inception_resnet_v2,32,block8,448,1,12,5,59000000,30400000000
paper,inception_resnet_v2,32,block8,720,0,21,21,51000000,82500000000
paper,inception_resnet_v2,32,block8,720,2,21,4,68000000,84400000000
params,test_byobnet,8,,40,0,5,5,1000,1600
params,test_byobnet,8,,80,0,10,10,1000,6400
params,test_byobnet,8,,80,1,10,4,2000,6400
params,test_byobnet,8,,128,0,16,16,1000,16384
params,test_byobnet,8,,128,2,16,0,0,0
"""
"""Table of the step ``architecture`` with rounded costs; the last line has a feature map that is too small."""


def make_params(
    seeds=(0, 1, 2), arms=ARMS, name="phantom", synthetic=True, others=(), systems: Sequence[str] = (), given=None
) -> Params:
    return Params.model_validate(
        {
            "data": SourceParams(source="phantom", name=name, root="-", synthetic=synthetic),
            "sizes": {"small": 40, "mid": 80, "large": 128},
            "model": {"backbone": "test_byobnet"},
            "losses": {"mse": {}, "ce": {}, "ce_mse": {"weight": 1.0}},
            "train": {"epochs": 3, "batch_size": 32, "lr": 0.003},
            "seeds": list(seeds),
            "arms": arms,
            "systems": {system: SYSTEMS[system] | {"seeds": 2} for system in systems},
            "predicted": given or {},
            "transfer": {other: SourceParams(source="csv", name=other, root="-") for other in others},
        }
    )


def make_predictions(split: str, seed: int, noise: float, patients: bool = True) -> Predictions:
    """Return predictions of both heads that are noisy grades, for two images per patient."""
    # The stream of RandomState never changes, so golden files stay valid.
    n = IMAGES[split]
    grade = np.random.RandomState(len(split)).choice(5, n, p=(0.4, 0.15, 0.2, 0.13, 0.12))
    draw = np.random.RandomState(1000 + seed)
    score = (grade + noise * draw.standard_normal(n)).round(3)
    distance = np.arange(5) - (grade + 1.2 * noise * draw.standard_normal(n)).round(3)[:, None]
    prob = np.exp(-(distance**2))
    return Predictions(
        image_id=np.array([f"{split}{i:03d}" for i in range(n)]),
        patient=np.array([f"{split}-p{i // 2}" if patients else "" for i in range(n)]),
        eye=np.array([("left", "right")[i % 2] for i in range(n)]),
        grade=grade.astype(np.int64),
        score=score.astype(np.float32),
        prob=(prob / prob.sum(1, keepdims=True)).astype(np.float32),
    )


def made_data(params: Params) -> DataSummary:
    data = params.data
    named = {"name": data.name, "source": data.source, "synthetic": data.synthetic}
    return DataSummary(**named, manifest_sha256="0" * 64, train=80, **IMAGES)


def make_result(params: Params, method: str, name: str, seed: int, flags=()) -> ArmResult:
    arm = params.arm(method, name)
    return ArmResult(
        method=method,
        arm=name,
        seed=seed,
        loss=PluginChoice(name=arm.loss, parameters=LOSSES[arm.loss].defaults),
        heads=heads_of(arm.loss),
        size=arm.size,
        pixels=params.sizes.of(arm.size),
        n_cells=arm.n_cells,
        parent=arm.parent,
        parent_key=f"{arm.parent}/{seed}" if arm.parent else "",
        data=made_data(params),
        prepared=PackSpec(
            params.sizes.of(arm.size), params.prepare.encoding, "made", params.prepare.colour_normalisation
        ),
        model=params.model,
        train=params.train.model_copy(update={"epochs": EPOCHS[arm.match], "device": "cpu", "precision": "32-true"}),
        code_sha256="0" * 64,
        key=f"{method}/{name}/{seed}",
        epoch_kept=3,
        parameters=1000 * (arm.n_cells + 1),
        macs_per_image=params.sizes.of(arm.size) ** 2,
        flags=list(flags),
    )


def make_run(params: Params, method: str, name: str, seed: int, flags=(), patients: bool = True) -> Path:
    """Write one run and its record; larger inputs and later methods have less noise."""
    result = make_result(params, method, name, seed, flags)
    noise = {"small": 1.0, "mid": 0.8, "large": 0.7}[result.size] - 0.1 * [*ARMS, method].index(method)
    folder = result.folder(RUNS)
    for number, split in enumerate(IMAGES):
        predictions = make_predictions(split, 10 * seed + number + 100 * len(name), noise, patients)
        kept = {head: getattr(predictions, head) if head in result.heads else None for head in ("score", "prob")}
        fields = {field: getattr(predictions, field) for field in ("image_id", "patient", "eye", "grade")}
        write_predictions(Predictions(**fields, **kept), folder / f"{split}.csv")
    lines = ["epoch,images,lr,train_loss,val_loss,val_kappa_score,val_kappa_prob"]
    for epoch in range(1, result.train.epochs + 1):
        kappa = (1 - noise / 2) * epoch / (epoch + 1) - seed / 100
        kappas = [
            f"{kappa - 0.02 * (head == 'prob'):.3f}" if head in result.heads else "" for head in ("score", "prob")
        ]
        lines.append(f"{epoch},{80 * epoch},0.003,{2 / (epoch + seed):.3f},{2.2 / epoch:.3f},{','.join(kappas)}")
    write_text(folder / "history.csv", "\n".join(lines) + "\n")
    (folder / WEIGHTS).write_bytes(b"made up")
    write_result(result, folder)
    write_text(record_path(result), make_record(seed, result.train.epochs * result.pixels).model_dump_json())
    return folder


def record_path(result: RunResult) -> Path:
    return result.folder(RECORDS).with_suffix(".json")


def make_record(seed: int, seconds: float) -> Record:
    return Record(
        started="2024-01-01T00:00:00+00:00",
        ended="2024-01-01T01:00:00+00:00",
        seconds=seconds + seed,
        images_per_second=100.0 + seed,
        wait_share=0.1,
        peak_memory_bytes=1_500_000_000,
        host="made",
        device="cpu (2 cores)",
        precision="32-true",
        threads=2,
        packages={},
        git_commit="unknown",
        git_dirty=False,
        resumed=0,
    )


def make_system_run(params: Params, arm: Arm, seed: int) -> None:
    """Write a run of a system and its record; later steps have less noise."""
    settings, entry = params.systems[arm.method], LAID_OUT[arm.method]
    row = entry.steps.get(arm.name)
    net = arm.name if row is None else next(iter(settings.nets))
    own = settings.nets[net]
    like = make_result(params.model_copy(update={"arms": make_params().arms}), "basenet", "ce_large", seed)
    shared: dict[str, Any] = {
        **{name: getattr(like, name) for name in ("data", "prepared", "code_sha256", "parameters", "macs_per_image")},
        **{"method": arm.method, "arm": arm.name, "seed": seed, "key": f"{arm}/{seed}", "flags": [], "epoch_kept": 3},
        "train": params.train_of(arm.method, net).model_copy(update={"device": "cpu", "precision": "32-true"}),
        "holdout": Holdout(fraction=settings.holdout_fraction, fit_images=56, held_images=24, sha256="1" * 64),
        "augment": settings.augment,
    }
    result: RunResult
    if row is None:
        pixels = params.sizes.of(own.size)
        heads = heads_of(entry.loss)
        result = NetworkResult(
            **shared,
            **own.model_dump(include={"size", "blocks", "width"}),
            heads=heads,
            loss=PluginChoice(name=entry.loss, parameters={}),
            pixels=pixels,
            model=params.model,
            fov_px=fov_of(arm.method, own, pixels, pixels),
            colour_normalisation=entry.colour_normalisation,
            momentum=settings.momentum,
            parent=f"{arm.method}/{own.parent}" if own.parent else "",
            parent_key=f"{arm.method}/{own.parent}/{seed}" if own.parent else "",
        )
        steps = 0
    else:
        members = [f"{arm.method}/{net}" for net in step_nets(row, settings)]
        defaults, heads = BLENDS[row.blend].defaults, [BLENDS[row.blend].head]
        chosen = {key: settings.blend.get(key, value) for key, value in defaults.items()}
        result = BlendResult(
            **shared,
            heads=heads,
            blend=PluginChoice(name=row.blend, parameters=chosen),
            tuned=entry.tuned,
            members=members,
            member_keys=[f"{member}/{seed}" for member in members],
            member_pixels=[params.sizes.of(settings.nets[net].size) for net in step_nets(row, settings)],
            tta_views=settings.tta_views if row.tta else 0,
            eyes=row.eyes,
            statistics=row.statistics,
            missing=entry.missing_fellow,
            size=like.size,
            pixels=like.pixels,
            tuned_thresholds=TunedThresholds(head=heads[0], rule=BLENDS[row.blend].rule, values=(0.6, 1.4, 2.4, 3.3)),
        )
        steps = row.tta + (row.eyes == "both") + (row.nets == "all")
    head = heads[0]
    folder = result.folder(RUNS)
    for number, split in enumerate((*IMAGES, *(["holdout"] if row else []))):
        made = make_predictions("val" if split == "holdout" else split, 10 * seed + number + 7, 0.9 - 0.1 * steps)
        other = {"score": "prob", "prob": "score"}[head]
        write_predictions(replace(made, **{other: None}), folder / f"{split}.csv")
    if isinstance(result, NetworkResult):
        write_text(
            folder / "history.csv",
            "epoch,images,lr,train_loss,val_loss,val_kappa_score,val_kappa_prob\n"
            + "".join(
                f"{i},{56 * i},0.003,1.000,1.000,{',0.500' if head == 'prob' else '0.500,'}\n"
                for i in range(1, result.train.epochs + 1)
            ),
        )
    (folder / WEIGHTS).write_bytes(b"made up")
    write_result(result, folder)
    write_text(record_path(result), make_record(seed, 10.0).model_dump_json())


def make_given(params: Params, name: str) -> None:
    """Write the runs of a system that was measured elsewhere, one per declared seed, with scores."""
    given = params.predicted[name]
    for seed in given.seeds:
        result = PredictionsResult(
            method=name,
            arm=PREDICTIONS,
            seed=seed,
            heads=["score"],
            data=made_data(params),
            files_sha256={"val": "2" * 64, "test": "3" * 64},
            columns=given.columns,
            eyes=given.eyes,
            nets=given.nets,
            tta_views=given.views,
            source=given.source,
            code_sha256="0" * 64,
            key=f"{name}/{PREDICTIONS}/{seed}",
            flags=[],
        )
        for number, split in enumerate(IMAGES):
            predictions = make_predictions(split, 10 * seed + number + 5 + len(name), 0.4)
            write_predictions(replace(predictions, prob=None), result.folder(RUNS) / f"{split}.csv")
        write_result(result, result.folder(RUNS))


def make_networks() -> None:
    """Write the table of the step ``architecture``."""
    write_text(architecture.NETWORKS, NETWORKS)


def make_all(params: Params, skip=(), flags=None) -> None:
    """Write every declared run except those in ``skip``, with ``flags`` by run; a run is (method, arm, seed)."""
    PAIRS.parent.mkdir(exist_ok=True)
    PAIRS.write_bytes((ROOT / PAIRS).read_bytes())
    for method, arms in params.arms.items():
        for name in arms:
            for seed in params.seeds:
                if (method, name, seed) not in skip:
                    make_run(params, method, name, seed, (flags or {}).get((method, name, seed), ()))
    for arm, seeds in params.declared():
        if arm.method in params.systems:
            for seed in seeds:
                make_system_run(params, arm, seed)
    for name in params.predicted:
        make_given(params, name)


def tables(params):
    """Return every table of the runs in the current folder, by name."""
    settle(params)
    return named_tables(Inputs(params))


def named_tables(inputs):
    """Return every table of a finished project, by name."""
    return {table.name: table for table in make_tables(inputs)}


def settle(params) -> None:
    """Write all inputs of the report except the runs and their records."""
    for path in (PUBLISHED, CLAIMS, DATASET_AUTHORS):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes((ROOT / path).read_bytes())
    make_networks()
    VERDICTS.parent.mkdir(exist_ok=True)
    verdicts = (ROOT / "tests/golden/statistics_verdicts.csv").read_text(encoding="utf-8")
    if not params.data.synthetic:
        verdicts = verdicts.replace("phantom: no claim about real eyes", "other data: evidence on the ordering only")
        verdicts = verdicts.replace(",phantom,", f",{params.data.name},")
    VERDICTS.write_text(verdicts, encoding="utf-8", newline="\n")
    make_check_rows()
    evaluate.run(params)
    runs = read_graded_runs(params)
    with patch.object(decision_rules, "N_RESAMPLES", 40):
        rules = decision_rules.rule_estimates(runs)
    metrics = make_metrics(runs)
    others = [*make_comparisons(metrics), *make_systems(params), *make_transfers(params, rules)]
    write_estimates([*rules, *shortcut_estimates(runs.data), *others, *metrics, *rank_estimates(runs, n_resamples=100)])


def make_metrics(runs: GradedRuns) -> list[Estimate]:
    """Every metric with an interval that is made up, so that no golden file depends on drawn numbers."""
    with patch.multiple(metrics, N_RESAMPLES=2, N_OUTPUT_RESAMPLES=2):
        found = metrics.metric_estimates(runs)
    return [
        replace(
            row,
            se=0.03,
            low=row.estimate - (0.08 if row.quantity == "kappa" else 0.04),
            high=row.estimate + (0.05 if row.quantity == "kappa" else 0.03),
            n_patients="-",
            n_resamples=10_000,
            n_undefined=0,
        )
        for row in found
    ]


def make_comparisons(rows: Sequence[Estimate]) -> list[Estimate]:
    """Return a made-up comparison of each pair whose arms have runs, centred on the difference of their means.

    Every second one has a rank correlation.
    """
    kappas = select(rows, quantity="kappa")
    found = {(f"{row.method}/{row.arm}", row.split, row.head): row for row in kappas}
    compared = [
        replace(
            first,
            kind="comparison",
            about=about,
            versus=f"{b} {head}",
            quantity="kappa difference",
            sd=math.nan,
            se=math.nan,
            estimate=first.estimate - second.estimate,
            low=first.estimate - second.estimate - 0.06,
            high=first.estimate - second.estimate + 0.04,
            rule="default",
            rules_low=first.estimate - second.estimate - 0.02,
            rules_high=first.estimate - second.estimate + 0.01,
            n_analyses=8,
            n_above=5,
            failed_versus={"val": 1, "test": 0}[split],
            min_detectable_difference=0.08,
            seeds=" | ".join(dict.fromkeys((first.seeds, second.seeds))),
        )
        for about, a, b in map(astuple, read_pairs(ROOT / PAIRS))
        for (arm, split, head), first in found.items()
        if arm == a and (second := found.get((b, split, head)))
    ]
    ranks = {"kind": "rank correlation", "quantity": "rank correlation difference"}
    return compared + [replace(row, **ranks, estimate=0.01, low=-0.02, high=0.04) for row in compared[::2]]


def make_systems(params) -> list[Estimate]:
    """Return two made-up comparisons of each system's steps and two ranks of M2CNN; nothing without systems."""
    shared = {"n_patients": "50", "n_resamples": 10_000, "resampled": BOTH}
    shared |= {"data": params.data.name, "synthetic": params.data.synthetic}
    differences = [
        Estimate(
            kind="system comparison",
            about=f"{name}: whole against its first step",
            method=steps(name)[-1][0].method,
            arm=steps(name)[-1][0].name,
            head=steps(name)[-1][1],
            versus="{} {}".format(*other),
            split="test",
            quantity="kappa difference",
            estimate=step,
            low=step - 0.05,
            high=step + 0.05,
            confidence_level=0.95,
            rule="tuned",
            tuned_on="val",
            rules_low=step - 0.01,
            rules_high=step,
            n_analyses=6,
            n_above=6,
            min_detectable_difference=0.07,
            n_images=IMAGES["test"],
            seeds="0 1",
            **shared,
        )
        for name in params.systems
        for other, step in ((steps(name)[0], 0.06), (controls(name)[0], 0.02))
    ]
    ranks = [
        Estimate(
            kind="system rank",
            about="whole systems, of which Min-pooling read both eyes",
            method="m2cnn",
            arm="large",
            head="score",
            split=split,
            quantity="rank probability",
            rank=rank,
            estimate=probability,
            n_images=IMAGES[split],
            seeds="0 1 2 | 0 1",
            **shared,
        )
        for split in IMAGES
        for rank, probability in ((1, 0.25), (2, 0.75))
        if params.systems
    ]
    return differences + ranks


def make_transfers(params, rules: Sequence[Estimate]) -> list[Estimate]:
    """Return made-up kappas of some arms on each other data set, and their changes."""
    sets = {"idrid": ("IDRiD", False, 103, "unknown: each image its own cluster", 0)}
    sets["again"] = ("phantom-1", True, 480, "240", 12)
    own = [row for row in select(rules, split="test") if row.rule in DEFAULT.values()]
    own = [row for row in own if (row.method, row.arm) in TRANSFERRED]
    found = []
    for other in params.transfer:
        data, synthetic, n_images, n_patients, n_shared = sets[other]
        there = {"about": other, "data": data, "synthetic": synthetic, "n_images": n_images, "n_patients": n_patients}
        for place, row in enumerate(own):
            lost = math.nan if (other, row.arm) == ("idrid", "ce_mid") else 0.3 - 0.1 * place
            kappa = row.estimate - lost
            ends = {"sd": math.nan, "low": kappa - 0.1, "high": kappa + 0.1}
            found.append(replace(row, kind="transfer", estimate=kappa, n_shared=n_shared, **there, **ends))
            ends |= {"low": -lost - 0.2, "high": -lost + 0.2, "quantity": "kappa difference"}
            change = replace(row, kind="transfer change", estimate=-lost, n_shared=n_shared, **there, **ends)
            found.append(change)
    order = ("transfer", "transfer change")
    return sorted(found, key=lambda row: order.index(row.kind))


def make_check_rows() -> None:
    """Write the check table of a data set with a leak, five thumbnails and no expected counts."""
    names = [(f"{patient}_{side}", patient % 5, "train") for patient in range(6) for side in ("left", "right")]
    data = dataset_of([*names, ("6_left", 1, "test"), ("6_right", 1, "test")])
    looks = [image_info("same") if place in (0, 12) else each for place, each in enumerate(data.infos)]
    looks[3:8] = [image_info(str(place), width=64, height=48) for place in range(3, 8)]
    write_check_rows(
        run_checks(
            replace(data, infos=tuple(looks), near_duplicates=(NearDuplicate(2, 13, 0.93, "mirrored"),)),
            default_policies(),
        ).rows
    )


def records(table) -> list[dict[str, str]]:
    """Return the rows of a table's csv."""
    return list(csv.DictReader(io.StringIO(table_to_csv(table))))
