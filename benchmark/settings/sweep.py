"""What ``sweep:`` in params.yaml may hold."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from benchmark.common.section import Section

Value = float | int | str
"""Of a swept parameter."""


class Rule(Section):
    """Values that a swept parameter may take: a range from ``low`` to ``high``, or ``choices``."""

    low: float | None = None
    """Smallest value of a range."""
    high: float | None = None
    """Largest value of a range."""
    log: bool = False
    """Draw evenly on a logarithmic scale."""
    zero: bool = False
    """Let 0 be a value, too, beside a logarithmic range, which cannot reach it."""
    choices: list[Value] = Field(default=[])
    """Values to choose from, instead of a range."""

    @model_validator(mode="after")
    def _is_one(self) -> Rule:
        ranged = self.low is not None and self.high is not None
        if ranged == bool(self.choices) or (self.choices and (self.low, self.high) != (None, None)):
            msg = "a swept parameter needs either `low` and `high` or `choices`"
            raise ValueError(msg)
        if self.low is not None and self.high is not None:
            if not self.low < self.high:
                msg = f"`low` must be below `high`, but got {self.low:g} and {self.high:g}"
                raise ValueError(msg)
            if self.log and self.low <= 0:
                msg = f"a logarithmic range must begin above 0, but begins at {self.low:g}: `zero: true` adds 0 itself"
                raise ValueError(msg)
        if self.zero and not self.log:
            msg = "`zero` belongs to a logarithmic range: set `log: true`, or let the range or the choices hold 0"
            raise ValueError(msg)
        return self

    def admits(self, value: Value) -> bool:
        """Whether a value lies in the range or among the choices."""
        if self.low is None or self.high is None:
            return value in self.choices
        return isinstance(value, int | float) and (self.low <= value <= self.high or (self.zero and value == 0))


class Sweep(Section):
    """A search by Optuna over parameters of one arm; the objective is val kappa, and test is not opened."""

    study: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")] = "weight"
    """Name of the study; what determines its trials is appended as a hash, so other settings are another study."""
    storage: str = "sqlite:///sweep.db"
    """Where Optuna keeps the study: any database url that SQLAlchemy knows; SQLite serves one machine."""
    pipeline: list[str] = Field(default=[])
    """Empty: `dvc repro` leaves the sweep out; the study's name alone: it is a stage, too."""
    arm: str = "basenet_mt/mid"
    """``stage/arm`` that is trained; one that starts from another arm needs that arm's runs of the same seeds."""
    head: Literal["score", "prob"] = "prob"
    """Output whose val kappa is maximised; ``prob`` is trained at every weight of the MSE, 0 included."""
    space: dict[str, Rule] = Field(default={})
    """Dotted names of parameters below `objectives`, `train` or `model`, and the values to try."""
    trials: Annotated[int, Field(ge=1, le=10_000)] = 12
    """Trials that must end, complete or pruned."""
    seeds: list[Annotated[int, Field(ge=0)]] = Field(default=[10, 11], min_length=1)
    """Runs of a trial, one after another; its value is their mean."""
    retrain_seeds: list[Annotated[int, Field(ge=0)]] = Field(default=[20, 21, 22, 23, 24], min_length=1)
    """Runs of the best values, and of the published ones, after the search; no seed of `seeds` among them."""
    epochs: Annotated[int, Field(ge=0, le=10_000)] = 0
    """Passes over the training split of every run; 0 takes train.epochs."""
    sampler_seed: Annotated[int, Field(ge=0)] = 0
    """Of the sampler (TPE), which draws from it and the trial's number alone."""
    startup: Annotated[int, Field(ge=1)] = 4
    """Complete trials before the sampler learns from them and the pruner compares with them."""
    prune_below: Annotated[float, Field(ge=0, lt=100)] = 25.0
    """Stop a trial whose best kappa so far is below this percentile of the complete trials at the same epoch and seed:
    50 is Optuna's median rule, 25 leaves more of the curve to see, 0 stops none."""
    warmup_epochs: Annotated[int, Field(ge=0)] = 2
    """Epochs of a trial's first seed that the pruner only looks on."""
    heartbeat_s: Annotated[int, Field(ge=1, le=3600)] = 20
    """A worker says this often that it lives; after three times that in silence its trial is given to another."""

    @model_validator(mode="after")
    def _coheres(self) -> Sweep:
        for name, seeds in (("seeds", self.seeds), ("retrain_seeds", self.retrain_seeds)):
            if len(set(seeds)) != len(seeds):
                msg = f"{name} must differ from one another, but got {seeds}"
                raise ValueError(msg)
        if common := sorted(set(self.seeds) & set(self.retrain_seeds)):
            msg = f"retrain_seeds must be new, but {common} took part in the search: a chosen seed flatters its choice"
            raise ValueError(msg)
        if self.pipeline not in ([], [self.study]):
            msg = f"pipeline must be empty or hold the study's name alone, but got {self.pipeline}: use [{self.study}]"
            raise ValueError(msg)
        return self
