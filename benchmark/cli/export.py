"""``fundusbench export``: hand a trained network on, with its parameters and a model card."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.common.errors import InputError

if TYPE_CHECKING:
    from huggingface_hub import ModelCard

    from benchmark.runs.spec import TrainedResult

CARD = "README.md"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("name", metavar="METHOD/ARM/SEED", help="a finished run that trained a network")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write, which must not exist")


def run(args: argparse.Namespace) -> None:
    """Write the weights, ``run.json`` and a model card to a new folder, which ``predict --folder`` reads."""
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
        _card(result, source).save(made / CARD)
        made.rename(target)
    print(
        f"{target}: {WEIGHTS}, run.json and {CARD}; `fundusbench predict --folder {target} PHOTOGRAPHS` grades with it"
    )


def _card(result: TrainedResult, folder: Path) -> ModelCard:
    """Return the model card: what the network is, its table row with intervals, its data, and its limits."""
    from huggingface_hub import EvalResult, ModelCard, ModelCardData

    from benchmark.cli.predict import graded_by
    from benchmark.common.terms import EVALUATED
    from benchmark.runs.predictions import read_predictions
    from benchmark.scoring.rules import grades_of
    from benchmark.sources.registry import SOURCES
    from benchmark.statistics.bootstrap import graded, kappa_interval

    evaluated, rows = [], []
    for split in EVALUATED:
        predictions = read_predictions(folder / f"{split}.csv")
        n = len(predictions)
        for head in result.heads if n else ():
            kappa = kappa_interval(graded([predictions], [grades_of(result, head, predictions)]))
            interval = f"{kappa.estimate:.3f} [{kappa.low:.3f}, {kappa.high:.3f}]"
            rows.append(f"| {split} | {head} | {n:,} | {kappa.n_patients:,} | {interval} |")
            evaluated.append(
                EvalResult(
                    task_type="image-classification",
                    dataset_type=result.data.source,
                    dataset_name=result.data.name,
                    dataset_split=split,
                    metric_type="quadratic_weighted_kappa",
                    metric_name=f"quadratic weighted kappa, {head} (n = {n})",
                    metric_value=round(kappa.estimate, 4),
                )
            )
    about, source = graded_by([result]), SOURCES[result.data.source]
    data = ModelCardData(
        library_name="fundusbench",
        pipeline_tag="image-classification",
        tags=["diabetic-retinopathy", "fundus", result.method],
        model_name=result.name,
        eval_results=evaluated,
    )
    network = f"{result.model.backbone}, {result.parameters:,} parameters, heads {' and '.join(result.heads)}"
    text = f"""# {result.name}

A network that grades diabetic retinopathy (0 to 4) from one fundus photograph; {about["limits"]}.

* Network: {network}; started from {result.parent or result.model.start or "random weights"}.
* Loss: {result.loss.name}; {result.train.epochs} epochs; epoch kept: {result.epoch_kept}.
* Input: {about["input"]}. `run.json` has every parameter, and the key that identifies the run: `{result.key}`.
* Data: {result.data.name}, {result.train_images} train images; {source.terms}. Citation: {source.citation}.

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
