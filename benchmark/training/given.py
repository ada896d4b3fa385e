"""Runs of models that were trained and applied elsewhere: their predictions are stored, and nothing is trained."""

from __future__ import annotations

import numpy as np

from benchmark.runs.given import Given
from benchmark.runs.predictions import write_predictions
from benchmark.runs.results import write_result
from benchmark.runs.run_store import is_finished, locked, open_run_dir, run_dir
from benchmark.runs.spec import PredictionsResult, PredictionsRun
from benchmark.scoring.decision_rules.registry import DEFAULT, apply_rule


def store_given(spec: PredictionsRun, given: Given) -> bool:
    """Write a run of given predictions to the run store; return False if the store has it already."""
    folder, val = run_dir(spec), given.predictions["val"]
    with locked(folder):
        if is_finished(folder, spec.key):
            return False
        open_run_dir(spec, folder)
        for split, predictions in given.predictions.items():
            write_predictions(predictions, folder / f"{split}.csv")
        flags = [f"collapsed:{head}" for head in spec.heads if len(np.unique(apply_rule(DEFAULT[head], val))) == 1]
        write_result(PredictionsResult(**spec.model_dump(), flags=flags), folder)
    return True
