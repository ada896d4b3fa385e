"""``fundusbench export``: hand a trained network on, with its parameters and a model card."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.common.errors import InputError

if TYPE_CHECKING:
    from huggingface_hub import EvalResult, ModelCard

    from benchmark.runs.spec import TrainedResult
    from benchmark.statistics.confidence import Interval

CARD = "README.md"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("name", metavar="METHOD/ARM/SEED", help="a finished run that trained a network")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write, which must not exist")


def run(args: argparse.Namespace) -> None:
    """Write the weights, ``run.json`` and a model card to a new folder, which ``predict --folder`` reads.

    Raises InputError if the run is not finished or did not train a network, its files were changed, or the folder
    exists.
    """
    import shutil
    from tempfile import TemporaryDirectory

    from benchmark.runs.results import read_trained, require_intact, write_result
    from benchmark.runs.run import RUNS, WEIGHTS

    source, target = RUNS / args.name, args.out
    result = read_trained(source)
    require_intact(source)
    if target.exists():
        msg = f"--out must name a new folder, but {target} exists: name another"
        raise InputError(msg)
    target.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=target.parent, prefix=".export-") as folder:
        made = Path(folder, "made")
        made.mkdir()
        shutil.copyfile(source / WEIGHTS, made / WEIGHTS)
        # The path of the ImageNet weights is that of this machine; run.json has their hash.
        bare = result.model.model_copy(update={"weights": Path(result.model.weights).name})
        write_result(result.model_copy(update={"model": bare}), made)
        _card(result, _kappas(result, source)).save(made / CARD)
        made.rename(target)
    print(
        f"{target}: {WEIGHTS}, run.json and {CARD}; `fundusbench predict --folder {target} PHOTOGRAPHS` grades with it"
    )


Kappa = tuple[str, str, int, "Interval"]
"""Split, head, number of images, and kappa by the head's decision rule."""


def _kappas(result: TrainedResult, source: Path) -> list[Kappa]:
    """Estimate kappa of each head on val and test."""
    from benchmark.common.terms import EVALUATED
    from benchmark.runs.predictions import read_predictions
    from benchmark.scoring.rules import grades_of
    from benchmark.statistics.bootstrap import graded, kappa_interval

    found: list[Kappa] = []
    for split in EVALUATED:
        predictions = read_predictions(source / f"{split}.csv")
        for head in result.heads if len(predictions) else ():
            arm = graded([predictions], [grades_of(result, head, predictions)])
            found.append((split, head, len(predictions), kappa_interval(arm)))
    return found


def _card(result: TrainedResult, kappas: Sequence[Kappa]) -> ModelCard:
    """Return the model card: what the network is, its table row with intervals, its data, and its limits."""
    from huggingface_hub import ModelCard, ModelCardData

    from benchmark.cli.predict import graded_by
    from benchmark.sources.registry import SOURCES

    about, source = graded_by([result]), SOURCES[result.data.source]
    data = ModelCardData(
        library_name="fundusbench",
        pipeline_tag="image-classification",
        tags=["diabetic-retinopathy", "fundus", result.method],
        model_name=result.name,
        eval_results=[_evaluated(result, *row) for row in kappas],
    )
    rows = []
    for split, head, n, kappa in kappas:
        interval = f"{kappa.estimate:.3f} [{kappa.low:.3f}, {kappa.high:.3f}]"
        rows.append(f"| {split} | {head} | {n:,} | {kappa.n_patients:,} | {interval} |")
    network = f"{result.model.backbone}, {result.parameters:,} parameters, heads {' and '.join(result.heads)}"
    text = f"""# {result.name}

A network that grades diabetic retinopathy (0 to 4) from one fundus photograph; {about["limits"]}.

* Network: {network}; started from {result.parent or result.model.start or "random weights"}.
* Loss: {result.loss.name}; {result.train.epochs} epochs; epoch kept: {result.epoch_kept}.
* Input: {about["input"]}. `run.json` has every parameter, and the key that identifies the run: `{result.key}`.
* Data: {result.data.name}, {result.train_images} train images; {source.terms}. {source.citation}.

## Results

Quadratic weighted kappa with its 95 % interval over patients. One trained network says nothing about the spread between
trainings.

| split | head | images | patients | kappa |
| --- | --- | --- | --- | --- |
{chr(10).join(rows)}

## Use

```console
$ fundusbench predict --folder . photographs
```

## Limits

It grades what its data show: other cameras, populations and graders may give other results, and a grade may follow from
the frame or the camera where these differ between grades. It is not a medical device.
"""
    return ModelCard(f"---\n{data.to_yaml()}\n---\n\n{text}")


def _evaluated(result: TrainedResult, split: str, head: str, n: int, kappa: Interval) -> EvalResult:
    from huggingface_hub import EvalResult

    return EvalResult(
        task_type="image-classification",
        dataset_type=result.data.source,
        dataset_name=result.data.name,
        dataset_split=split,
        metric_type="quadratic_weighted_kappa",
        metric_name=f"quadratic weighted kappa, {head} (n = {n})",
        metric_value=round(kappa.estimate, 4),
    )
