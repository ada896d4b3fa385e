"""``reports/provenance.json``: run ids, commits, hosts and times of the runs behind every number.

A row of a table names its arm (``method``, ``arm``) and hashes of its runs, data and parameters; this file resolves
them. It is not an output of the pipeline, because outputs must be byte-identical in every rebuild. ``fundusbench
report`` writes it, and ``fundusbench track`` updates it, e.g. after tables were restored from a cache.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmark.common.files import read_json, write_json
from benchmark.runs.declared import runs_hash
from benchmark.runs.environment import environment, now
from benchmark.runs.labels import table_columns
from benchmark.runs.results import read_record
from benchmark.runs.run import RECORDS
from benchmark.runs.spec import RunResult
from benchmark.settings.params import Params
from benchmark.tracking.replay import SyncReport
from benchmark.tracking.trainings import finished_runs

PROVENANCE = Path("reports/provenance.json")
ABOUT = (
    "A row of tables/*.csv names its arm by `method` and `arm`: look up method/arm under `arms`. Its `runs` equals "
    "`runs` in the row unless the arm was retrained since. Each seed has its MLflow run id, commit, environment and "
    "times, and names its parameters and data by their hashes. `written` describes the execution that wrote this file."
)


def write(root: Path, params: Params, synced: SyncReport) -> None:
    """Write ``reports/provenance.json`` for all finished runs of the declared arms, if there are any."""
    arms = finished_runs(root, params)
    runs = [run for members in arms.values() for run in members]
    if not runs:
        return
    content = {
        "about": ABOUT,
        "written": {"time": now(), **environment()},
        "mlflow": {"store": synced.store, "warning": synced.warning},
        "arms": {
            arm: {
                "runs": _hash(members),
                "seeds": {str(run.seed): _describe(root, run, synced.runs) for run in members},
            }
            for arm, members in arms.items()
        },
        "parameters": {run.parameter_hash: run.parameters_resolved for run in runs},
        "data": {run.data.hash: run.data.model_dump(mode="json") for run in runs},
    }
    write_json(root / PROVENANCE, content)


def outdated(root: Path, params: Params) -> str:
    """Return one sentence if ``reports/provenance.json`` is missing or describes other runs, else an empty string."""
    path = root / PROVENANCE
    if not path.exists():
        return f"{PROVENANCE} does not exist: `fundusbench track` writes it"
    runs = {arm: _hash(members) for arm, members in finished_runs(root, params).items()}
    if {arm: facts["runs"] for arm, facts in read_json(path)["arms"].items()} != runs:
        return f"{PROVENANCE} describes other runs than runs/ holds: `fundusbench track` updates it"
    return ""


def _hash(members: list[RunResult]) -> str:
    return runs_hash(run.key for run in members)


def _describe(root: Path, run: RunResult, ids: Mapping[tuple[str, str, int], str]) -> dict[str, Any]:
    record = run.folder(root / RECORDS).with_suffix(".json")
    return {
        "folder": run.folder().as_posix(),
        "key": run.key,
        "needs": run.needs,
        "code_sha256": run.code_sha256,
        "data_hash": run.data.hash,
        "parameter_hash": run.parameter_hash,
        "weights": table_columns(run)["weights"],
        "mlflow_run_id": ids.get((run.method, run.arm, run.seed), ""),
        "record": read_record(record).model_dump(mode="json") if record.exists() else None,
    }
