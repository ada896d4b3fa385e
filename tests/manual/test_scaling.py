"""The manual's cost at the size of EyePACS: counted multiply-adds divided by a published rate."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Mapping
from unittest.mock import patch

import pytest

from benchmark.cli import plan as planning
from benchmark.cli.step_timing import TimedStep
from benchmark.runs.spec import TrainedRun
from benchmark.settings.loading import parse_params
from benchmark.settings.params import Params
from models.cost import network_cost
from models.losses.registry import LOSSES
from tests.factories.paths import ROOT
from tests.settings.test_params import composed

FOLDER = ROOT / "experiments/results/scaling"
EYEPACS = {"train": 35_126, "val": 10_906, "test": 42_670}
CARDS = (1, 8, 64)
STEP_COST = 3
"""Cost of a training step relative to its forward pass; the backward pass takes twice as long."""
UNBOUNDED = 10_000
"""More cards than runs."""

PUBLISHED = (358.54, 299)
"""Images/s, and their pixels, at which Inception-ResNet-v2 trains on one RTX 3090: mixed precision, channels last, 192
images a batch (timm, results/benchmark-train-amp-nhwc-pt112-cu113-rtx3090.csv)."""
INTERCONNECT = {"ethernet": 12.5e9, "nvlink": 300e9}
"""Bytes per second, one way, of 100 Gb/s Ethernet and of an A100's NVLink (its data sheet: 600 GB/s both ways)."""


@pytest.fixture(scope="module")
def params() -> Params:
    return parse_params(composed("data=eyepacs", "scale=paper"))


def rate_of(params: Params) -> float:
    """Return the multiply-adds per second of the published card in training."""
    images_per_s, pixels = PUBLISHED
    return STEP_COST * images_per_s * network_cost(params.model, 0, LOSSES["ce_mse"].heads, pixels).macs


def planned(params: Params, images: Mapping[str, int], cards: int) -> planning.Plan:
    """Return the plan for a machine with some cards of the published rate."""

    def steps(
        params: Params, specs: Mapping[planning.StepKey, TrainedRun]
    ) -> tuple[dict[planning.StepKey, TimedStep], str]:
        macs = {one.key: one.macs_per_image for one, _ in planning.count_trainings(params, images)}
        seconds = {key: STEP_COST * macs[key] / rate_of(params) for key in specs}
        batch = params.train.batch_size
        return {
            key: TimedStep(low=each, high=each, start=0.0, memory=0, images=batch) for key, each in seconds.items()
        }, "-"

    with (
        patch.object(planning, "_measure", steps),
        patch.object(planning, "_recorded", lambda *_: {}),
        patch.object(planning, "count_images", lambda _: (dict(images), "as published")),
        patch.object(planning, "count_workers", lambda _: cards),
    ):
        return planning.plan(params, measure=True)


def cost_rows(params: Params) -> list[dict[str, object]]:
    """Return the cost of the paper's profile on EyePACS and 100 times as many images, with and without systems."""
    rows: list[dict[str, object]] = []
    alone = params.model_copy(update={"systems": {}})
    for data, factor in (("EyePACS", 1), ("100 x EyePACS", 100)):
        images = {split: count * factor for split, count in EYEPACS.items()}
        for what, chosen in (("the paper's arms and controls", alone), ("with the systems of others", params)):
            plans = {cards: planned(chosen, images, cards) for cards in (*CARDS, UNBOUNDED)}
            hours = {cards: made.wall[0] / 3600 for cards, made in plans.items() if made.wall}
            one = plans[1]
            rows.append(
                {
                    "data": data,
                    "what": what,
                    "runs": sum(each.runs for each in one.trainings),
                    "macs": sum(each.macs for each in one.trainings if each.macs),
                    **{f"hours_{cards}": round(hours[cards], 1) for cards in CARDS},
                    "hours_longest_chain": round(hours[UNBOUNDED], 1),
                    "packs_gb": round(sum(one.packs.values()) / 1e9, 1) if one.packs else 0,
                    "models_gb": round(one.models / 1e9, 1),
                }
            )
    return rows


def size_rows(params: Params) -> list[dict[str, object]]:
    """Return the data rate of a card at each size, and the time of sending the gradients between eight cards."""
    rows: list[dict[str, object]] = []
    for size, n_cells in (("small", 0), ("mid", 1), ("large", 2)):
        pixels = params.sizes.of(size)
        cost = network_cost(params.model, n_cells, LOSSES["ce_mse"].heads, pixels)
        images_per_s = rate_of(params) / (STEP_COST * cost.macs)
        packed = pixels**2 * 3 / planning.JPEG
        # Ring all-reduce sends each gradient almost twice.
        sent = 2 * 7 / 8 * 4 * cost.parameters
        step = params.train.batch_size / images_per_s
        rows.append(
            {
                "pixels": pixels,
                "macs": cost.macs,
                "parameters": cost.parameters,
                "images_per_s": round(images_per_s, 1),
                "read_mb_per_s": round(images_per_s * packed / 1e6, 1),
                "step_ms": round(1e3 * step, 1),
                "step_of_8_ms": round(1e3 * step / 8, 1),
                **{f"reduce_{name}_ms": round(1e3 * sent / speed, 1) for name, speed in INTERCONNECT.items()},
            }
        )
    return rows


@pytest.mark.slow
@pytest.mark.parametrize(("name", "make"), [("costs", cost_rows), ("sizes", size_rows)])
def test_the_kept_tables_of_costs_are_up_to_date(params, name, make):
    """Compare the tables; FUNDUSBENCH_GOLDEN=write updates them."""
    rows = make(params)
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    path = FOLDER / f"{name}.csv"
    if os.environ.get("FUNDUSBENCH_GOLDEN") == "write":
        path.write_text(text.getvalue())
    assert path.read_text() == text.getvalue()
