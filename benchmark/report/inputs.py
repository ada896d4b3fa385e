"""Inputs of the report: files of earlier stages, each read once when a table or a figure first needs it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmark.common.csv_rows import read_rows
from benchmark.common.errors import InputError
from benchmark.common.terms import Arm, Size
from benchmark.data.outcome import CHECKS_CSV, CheckRow
from benchmark.evaluation.architecture import Architecture, read_networks
from benchmark.evaluation.evaluate import CALIBRATION, SCORES, WORST_ERRORS
from benchmark.evaluation.outputs import SPLIT, CalibrationRow, ScoreRow, WorstRow
from benchmark.evaluation.saliency_files import (
    ATTENTION_MAPS,
    SALIENCY_IMAGES,
    SALIENCY_MAPS,
    WINDOWS_FILE,
    Maps,
    SaliencyRow,
    WindowsRow,
    read_maps,
)
from benchmark.report.results import Results, load_results
from benchmark.runs.results import read_record, read_result
from benchmark.runs.run import RECORDS, RUNS, Record
from benchmark.settings.differences import from_default
from benchmark.settings.params import Params
from benchmark.statistics.estimates import Estimate, Kind, select
from benchmark.statistics.published.claims import Claims, load_claims
from benchmark.statistics.published.dataset_authors import DatasetAuthors, read_dataset_authors
from benchmark.statistics.published.tables import PrintedTable, load_published
from benchmark.statistics.verdict_row import VerdictRow
from benchmark.statistics.verdicts import VERDICTS

_BY_EVALUATE = "fundusbench evaluate"


@dataclass(frozen=True)
class Inputs:
    """All inputs of the report. A property raises InputError if the stage that writes its file has not run."""

    params: Params

    @cached_property
    def results(self) -> Results:
        return load_results()

    def estimates(self, kind: Kind) -> list[Estimate]:
        return select(self.results.estimates, kind=kind)

    @cached_property
    def verdicts(self) -> list[VerdictRow]:
        return read_rows(VERDICTS, VerdictRow, "fundusbench statistics")

    @cached_property
    def calibration(self) -> list[CalibrationRow]:
        """Confidence and accuracy of each run by bin."""
        return read_rows(CALIBRATION, CalibrationRow, _BY_EVALUATE)

    @cached_property
    def scores(self) -> list[ScoreRow]:
        return read_rows(SCORES, ScoreRow, _BY_EVALUATE)

    @cached_property
    def worst_errors(self) -> list[WorstRow]:
        return read_rows(WORST_ERRORS, WorstRow, _BY_EVALUATE)

    @cached_property
    def saliency(self) -> tuple[list[SaliencyRow], Maps]:
        """Images and their saliency maps; none if that stage has not run."""
        return read_maps(SALIENCY_IMAGES, SaliencyRow, SALIENCY_MAPS)

    @cached_property
    def attention(self) -> tuple[list[WindowsRow], Maps]:
        """Images with a network's windows and their attention maps; none if that stage has not run."""
        return read_maps(WINDOWS_FILE, WindowsRow, ATTENTION_MAPS)

    def photographs(self, rows: Sequence[SaliencyRow | WindowsRow | WorstRow]) -> npt.NDArray[np.uint8]:
        """Read the prepared test photograph of each row, shape (n, s, s, 3); none without a pack on this machine.

        They have the size of the rows, which is that of the network that a map explains, or are large.
        """
        from benchmark.data.packs import open_pack, pack_name, pack_path

        size: Size = getattr(rows[0], "size", "large") if rows else "large"
        path = pack_path(SPLIT, pack_name(size, self.params.prepare.colour_normalisation))
        if not (self.params.trains and path.exists()):
            return np.zeros((0, 0, 0, 3), np.uint8)
        pack = open_pack(path)
        places = {image_id: place for place, image_id in enumerate(pack.image_ids)}
        try:
            return pack.gather(np.array([places[row.image_id] for row in rows], np.int64))
        except KeyError as error:
            msg = f"{path} must hold {error}, but does not: run `dvc repro` to prepare and evaluate again"
            raise InputError(msg) from error

    @cached_property
    def records(self) -> dict[tuple[str, str, int], Record]:
        """Cost and commit of each recorded run, by method, arm and seed."""
        runs = self.results.runs[["method", "arm", "seed"]].itertuples(index=False, name=None)
        paths = {(method, arm, int(seed)): RECORDS / method / arm / f"{seed}.json" for method, arm, seed in runs}
        return {run: read_record(path) for run, path in paths.items() if path.exists()}

    def parameters(self, arm: Arm) -> dict[str, Any]:
        """Return the parameters of an arm's runs, the same for every seed; empty without the runs."""
        seed = self.results.runs_of(*arm)["seed"].iloc[0]
        folder = RUNS / arm.method / arm.name / str(seed)
        return read_result(folder).parameters_resolved if (folder / "run.json").exists() else {}

    @cached_property
    def differences(self) -> list[str]:
        """Parameters in which this experiment differs from the default, in words; none where that is unknown."""
        return from_default(Path()) or []

    @cached_property
    def networks(self) -> list[Architecture]:
        """Sides, parameters and multiply-adds of the paper's networks and of ours."""
        return read_networks()

    @cached_property
    def check_rows(self) -> list[CheckRow]:
        return read_rows(CHECKS_CSV, CheckRow, "fundusbench fetch")

    @cached_property
    def printed(self) -> dict[str, PrintedTable]:
        """The paper's tables by name."""
        return load_published()

    @cached_property
    def claims(self) -> Claims:
        return load_claims(published=self.printed)

    @cached_property
    def dataset_authors(self) -> DatasetAuthors | None:
        """Results that the authors of the data set published, if any."""
        return read_dataset_authors(self.params.data.source)

    @cached_property
    def paper_pixels(self) -> dict[Size, int]:
        """Pixels of each size in the paper, from its ablation."""
        cells = [cell for cell in self.printed["ablation"].cells if cell.measured_by and cell.pixels]
        sizes = {cell.measured_by.size: cell.pixels for cell in cells if cell.measured_by}
        return {size: pixels for size, pixels in sizes.items() if size and pixels}
