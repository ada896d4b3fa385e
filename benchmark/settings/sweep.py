"""Parameters of the search over the loss weighting: the section ``sweep`` of params.yaml."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from benchmark.common.section import Section

Value = float | int | str
"""Value of a swept parameter."""


class Rule(Section):
    """Values that a swept parameter may take: a range from ``low`` to ``high``, or ``choices``."""

    low: float | None = None
    """Smallest value of a range."""
    high: float | None = None
    """Largest value of a range."""
    log: bool = False
    """Sample uniformly on a logarithmic scale."""
    zero: bool = False
    """Add the value 0 to a logarithmic range, which cannot contain it."""
    choices: list[Value] = Field(default=[])
    """Allowed values, instead of a range."""

    @model_validator(mode="after")
    def _is_one(self) -> Rule:
        ranged = self.low is not None and self.high is not None
        if ranged == bool(self.choices) or (self.choices and (self.low, self.high) != (None, None)):
            msg = "a swept parameter needs `low` and `high`, or `choices`, but not both: correct it"
            raise ValueError(msg)
        if self.low is not None and self.high is not None:
            if not self.low < self.high:
                msg = f"`low` must be below `high`, but got {self.low:g} and {self.high:g}"
                raise ValueError(msg)
            if self.log and self.low <= 0:
                msg = f"`low` of a logarithmic range must be > 0, but got {self.low:g}: `zero: true` adds 0"
                raise ValueError(msg)
        if self.zero and not self.log:
            msg = "`zero` requires a logarithmic range: set `log: true`, or include 0 in the range or the choices"
            raise ValueError(msg)
        return self

    def admits(self, value: Value) -> bool:
        """Return whether a value is in the range or among the choices."""
        if self.low is None or self.high is None:
            return value in self.choices
        return isinstance(value, int | float) and (self.low <= value <= self.high or (self.zero and value == 0))


class Sweep(Section):
    """Parameters of an Optuna search over parameters of one arm, which maximises val kappa and never reads test."""

    study: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")] = "weight"
    """Name of the study, to which a hash of the trials' parameters is appended: other parameters give another study."""
    storage: str = "sqlite:///sweep.db"
    """URL of the study's database, as for SQLAlchemy; SQLite is for one machine."""
    pipeline: list[str] = Field(default=[])
    """Empty, or the study's name alone to make the sweep a stage of `dvc repro`."""
    arm: str = "basenet_mt/mid"
    """``method/arm`` to train; if it starts from another arm, that arm's runs of the same seeds must exist."""
    head: Literal["score", "prob"] = "prob"
    """Output whose val kappa is maximised; ``prob`` is trained at every weight of the MSE, including 0."""
    space: dict[str, Rule] = Field(default={})
    """Dotted name of a parameter in `losses`, `train` or `model` -> values to try."""
    trials: Annotated[int, Field(ge=1, le=10_000)] = 12
    """Number of trials, complete or pruned."""
    seeds: list[Annotated[int, Field(ge=0)]] = Field(default=[10, 11], min_length=1)
    """Seeds of a trial's runs, trained one after another; the trial's value is their mean."""
    retrain_seeds: list[Annotated[int, Field(ge=0)]] = Field(default=[20, 21, 22, 23, 24], min_length=1)
    """Seeds of the runs with the best and with the published values after the search; disjoint from `seeds`."""
    epochs: Annotated[int, Field(ge=0, le=10_000)] = 0
    """Epochs of every run; 0 is train.epochs."""
    sampler_seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the sampler (TPE), which depends only on it and the trial's number."""
    startup: Annotated[int, Field(ge=1)] = 4
    """Number of complete trials before the sampler and the pruner use them."""
    prune_below: Annotated[float, Field(ge=0, lt=100)] = 25.0
    """Prune a trial whose best kappa so far is below this percentile of the complete trials at the same epoch and seed.
    50 is Optuna's median rule, 25 prunes later, 0 prunes none."""
    warmup_epochs: Annotated[int, Field(ge=0)] = 2
    """Epochs of a trial's first seed before it can be pruned."""
    heartbeat_s: Annotated[int, Field(ge=1, le=3600)] = 20
    """Seconds between two heartbeats of a worker; after three missed ones, another worker repeats its trial."""

    @model_validator(mode="after")
    def _coheres(self) -> Sweep:
        for name, seeds in (("seeds", self.seeds), ("retrain_seeds", self.retrain_seeds)):
            if len(set(seeds)) != len(seeds):
                msg = f"{name} must differ from one another, but got {seeds}: correct them"
                raise ValueError(msg)
        if common := sorted(set(self.seeds) & set(self.retrain_seeds)):
            msg = f"retrain_seeds must not be among `seeds`, which the search selects by, but {common} are: change them"
            raise ValueError(msg)
        if self.pipeline not in ([], [self.study]):
            msg = f"pipeline must be empty or hold the study's name alone, but got {self.pipeline}: use [{self.study}]"
            raise ValueError(msg)
        return self
