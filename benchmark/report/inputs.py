"""What the steps before the report wrote, each file read once, when a table or a figure first asks for it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from benchmark.common.csv_rows import read_rows
from benchmark.common.terms import Size
from benchmark.data.findings import FINDINGS, GateRow
from benchmark.evaluation.architecture import Architecture, read_networks
from benchmark.evaluation.evaluate import MetricRow
from benchmark.report.results import Results, load_results, read_metrics
from benchmark.settings.params import Params
from benchmark.statistics.decoder_effect import DECODING, SPREAD, DecodedRow, SpreadRow
from benchmark.statistics.intervals import COMPARISONS, ArmComparison
from benchmark.statistics.published.claims import Claims, load_claims
from benchmark.statistics.published.makers import Makers, read_makers
from benchmark.statistics.published.tables import PrintedTable, load_published
from benchmark.statistics.transfer import TransferRow, read_transfers
from benchmark.statistics.verdict_row import VerdictRow
from benchmark.statistics.verdicts import VERDICTS

_BY_STATISTICS = "fundusbench statistics"


@dataclass(frozen=True)
class Inputs:
    """All that the report is made of; each property raises InputError where the step that writes its file has not run.

    Attributes:
        params: declares data, sizes, arms and seeds.
    """

    params: Params

    @cached_property
    def results(self) -> Results:
        """The evaluation, and the intervals of its kappas."""
        return load_results()

    @cached_property
    def metrics(self) -> list[MetricRow]:
        """Every metric of every run."""
        return read_metrics(self.results)

    @cached_property
    def decoded(self) -> list[DecodedRow]:
        """Kappa of every arm under every decoder, and of the baselines."""
        return read_rows(DECODING, DecodedRow, _BY_STATISTICS)

    @cached_property
    def spreads(self) -> list[SpreadRow]:
        """How far apart the decoders of each arm lie."""
        return read_rows(SPREAD, SpreadRow, _BY_STATISTICS)

    @cached_property
    def verdicts(self) -> list[VerdictRow]:
        """What holds of the paper's claims."""
        return read_rows(VERDICTS, VerdictRow, _BY_STATISTICS)

    @cached_property
    def compared(self) -> list[ArmComparison]:
        """The paired comparisons of arms."""
        return read_rows(COMPARISONS, ArmComparison, _BY_STATISTICS)

    @cached_property
    def transfers(self) -> list[TransferRow]:
        """Kappas on other data sets; none where none is declared."""
        return read_transfers()

    @cached_property
    def networks(self) -> list[Architecture]:
        """Sides, parameters and multiply-adds of the paper's networks and of ours."""
        return read_networks()

    @cached_property
    def findings(self) -> list[GateRow]:
        """What the gates found in the data."""
        return read_rows(FINDINGS, GateRow, "fundusbench fetch")

    @cached_property
    def printed(self) -> dict[str, PrintedTable]:
        """The paper's tables by name."""
        return load_published()

    @cached_property
    def claims(self) -> Claims:
        """The paper's claims."""
        return load_claims(published=self.printed)

    @cached_property
    def makers(self) -> Makers | None:
        """What the makers of the data set published; None where they did not."""
        return read_makers(self.params.data.source)

    @cached_property
    def paper_pixels(self) -> dict[Size, int]:
        """The paper's pixels of each size, from its ablation."""
        cells = [cell for cell in self.printed["ablation"].cells if cell.measured_by and cell.pixels]
        return {cell.measured_by.size: cell.pixels for cell in cells if cell.measured_by and cell.pixels}
