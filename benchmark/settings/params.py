"""params.yaml as frozen, validated models: every knob has a rule, and an unknown key is an error."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field, SerializeAsAny, ValidationError, model_validator

from benchmark.common.errors import InputError
from benchmark.common.section import Section as Section
from benchmark.common.terms import Arm, Size
from benchmark.settings.data import DataParams
from benchmark.settings.sweep import Sweep
from benchmark.settings.training import Train
from benchmark.sources.registry import SourceParams
from models.blends.registry import BLENDS
from models.losses.registry import LOSSES
from models.settings import Model
from models.system_settings import SystemSettings
from models.systems.registry import SYSTEMS

_Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
"""Of a stage or an arm: it names a folder."""


class ArmSettings(Section):
    """One row of the experiment: what is trained, at which size, starting from what."""

    objective: str
    """A file of models/losses."""
    size: Size
    """Role of the input size."""
    level: Annotated[int, Field(ge=1, le=3)] = 1
    """1: the trunk alone; 2: one Reduction-B; 3: two."""
    parent: Annotated[str, Field(alias="from")] = ""
    """``stage/arm`` whose weights, seed by seed, this arm starts from; empty: from the trunk's own start."""
    match: Literal["", "images", "macs"] = ""
    """Train for as many images, or multiply-adds, as all stages of the arm ``of`` took; empty: for train.epochs."""
    of: str = ""
    """``stage/arm`` whose cost is matched."""


class Tracking(Section):
    """MLflow."""

    experiment: str = "fundusbench"
    """Experiment that the runs are logged under; the data set's name is appended."""
    live_after_s: Annotated[float, Field(ge=0)] = 300.0
    """A training stage that will take longer than this is followed live; a shorter one is logged when it ends."""


class Params(DataParams):
    """The whole of params.yaml."""

    model: Model
    objectives: dict[str, dict[str, Any]] = Field({})
    """Parameters of losses that differ from their defaults, by the loss's name."""
    train: Train
    seeds: Annotated[list[Annotated[int, Field(ge=0, lt=2**32)]], Field(min_length=1)]
    """One training per arm and seed."""
    arms: dict[_Name, dict[_Name, ArmSettings]]
    """DVC stage -> arm -> what it is."""
    systems: dict[str, SystemSettings] = Field({})
    """Systems of others, by their files in models/systems; each is a stage of its own, like a method of ``arms``."""
    tracking: Tracking = Tracking()
    transfer: dict[Annotated[str, Field(pattern=r"^[a-z0-9_-]+$")], SerializeAsAny[SourceParams]] = Field({})
    """Other data sets, each under a name of its own and declared as ``data`` is: every finished run is evaluated on
    their test splits, too."""
    sweep: Sweep = Sweep()
    """The search over the loss weighting (``fundusbench sweep``); no other step reads it."""

    def arm(self, stage: str, name: str) -> ArmSettings:
        """Look up an arm.

        Raises:
            InputError: there is no such arm.
        """
        arms = self.arms.get(stage, {})
        if name not in arms:
            known = ", ".join(f"{s}/{a}" for s in self.arms for a in self.arms[s])
            msg = f"an arm must be one of {known}, but got {stage}/{name}: declare it under `arms` in params.yaml"
            raise InputError(msg)
        return arms[name]

    def train_of(self, system: str, net: str) -> Train:
        """How a network of a system is trained."""
        settings = self.systems[system]
        return Train.model_validate({**self.train.model_dump(), **settings.train, **settings.nets[net].train})

    def seeds_of(self, stage: str) -> list[int]:
        """Seeds that a method or system is run with."""
        return self.seeds if stage in self.arms else self.seeds[: self.systems[stage].seeds]

    def declared(self) -> Iterator[tuple[Arm, list[int]]]:
        """Every arm with its seeds, in declared order; then those of each system, its networks before its blends."""
        for stage, arms in self.arms.items():
            yield from ((Arm(stage, name), self.seeds) for name in arms)
        for system, settings in self.systems.items():
            seeds = self.seeds_of(system)
            yield from ((Arm(system, name), seeds) for name in (*settings.nets, *SYSTEMS[system].rows) if seeds)

    @model_validator(mode="after")
    def _coheres(self) -> Params:
        parts = self.train.accumulate * self.train.processes
        if parts > self.train.batch // 2:
            among = f" for {self.train.processes} processes" if self.train.processes > 1 else ""
            msg = (
                f"train.accumulate must leave two images or more per pass, but splits {self.train.batch} into "
                f"{self.train.accumulate}{among}: lower it, or raise train.batch"
            )
            raise ValueError(msg)
        if self.train.sync_batch_norm and (self.train.processes == 1 or self.train.device == "cpu"):
            msg = (
                "train.sync_batch_norm belongs to several processes with a graphics card each, but there are "
                f"{self.train.processes} on {self.train.device}: set it to false"
            )
            raise ValueError(msg)
        if len(set(self.seeds)) != len(self.seeds):
            msg = f"seeds must differ from one another, but got {self.seeds}"
            raise ValueError(msg)
        for name, given in self.objectives.items():
            _check_loss(name, given)
        for stage, arms in self.arms.items():
            for name, arm in arms.items():
                self._check_arm(f"{stage}/{name}", arm)
        for system in self.systems:
            self._check_system(system)
        return self

    def _check_system(self, name: str) -> None:
        if name not in SYSTEMS:
            msg = f"systems: a system must be one of {', '.join(SYSTEMS)}, but got {name!r}"
            raise ValueError(msg)
        if name in self.arms:
            msg = f"systems: a system must not share its name with a method of `arms`, but {name!r} does"
            raise ValueError(msg)
        entry, settings = SYSTEMS[name], self.systems[name]
        if unknown := [net for net in settings.nets if net not in entry.nets]:
            msg = f"systems.{name}.nets: a network must be one of {', '.join(entry.nets)}, but got {unknown[0]!r}"
            raise ValueError(msg)
        read = {net for row in entry.rows.values() if isinstance(row.nets, tuple) for net in row.nets}
        if absent := [net for net in entry.nets if net in read - set(settings.nets)]:
            msg = f"systems.{name}.nets must have {', '.join(absent)}, which its rows read: add it"
            raise ValueError(msg)
        for net in settings.nets:
            _check_start(f"systems.{name}.nets", net, settings)
        known = {key for row in entry.rows.values() for key in BLENDS[row.blend].defaults}
        if unknown := [key for key in settings.blend if key not in known]:
            msg = f"systems.{name}.blend: unknown key {unknown[0]!r}; it knows {', '.join(sorted(known)) or 'none'}"
            raise ValueError(msg)
        for net in settings.nets:
            self._check_training(name, net)

    def _check_training(self, system: str, net: str) -> None:
        own = self.systems[system].nets[net].train

        def place(key: str) -> str:
            return f"systems.{system}.nets.{net}.train.{key}" if key in own else f"systems.{system}.train.{key}"

        try:
            self.train_of(system, net)
        except ValidationError as error:
            fault = error.errors(include_url=False)[0]
            first, *rest = map(str, fault["loc"])
            where = ".".join([place(first), *rest])
            msg = f"{where}: {fault['msg'].removeprefix('Input ')}, but got {fault['input']!r}"
            raise ValueError(msg) from error

    def _check_arm(self, name: str, arm: ArmSettings) -> None:
        if arm.objective not in LOSSES:
            msg = f"arms: `objective` must be one of {', '.join(LOSSES)}, but {name} has {arm.objective!r}"
            raise ValueError(msg)
        if self.train.class_weights and not LOSSES[arm.objective].per_image:
            msg = (
                f"train.class_weights apply to losses that are means over images, but {name} minimises "
                f"{arm.objective}: set it to 0, or use train.resample"
            )
            raise ValueError(msg)
        if self.train.processes > 1 and not LOSSES[arm.objective].per_image:
            msg = (
                f"train.processes above 1 take losses that are means over images, but {name} minimises "
                f"{arm.objective}, which no process can tell from its part of a batch: set it to 1"
            )
            raise ValueError(msg)
        for key, path in (("from", arm.parent), ("of", arm.of)):
            other = Arm.parse(path)
            if path and other.name not in self.arms.get(other.stage, {}):
                msg = f"arms: `{key}` must name another arm as stage/arm, but {name} has {path!r}"
                raise ValueError(msg)
        if bool(arm.match) != bool(arm.of):
            msg = f"arms: `match` and `of` must be given together, but {name} has {arm.match!r} and {arm.of!r}"
            raise ValueError(msg)
        self._check_chain(name, arm)

    def _check_chain(self, name: str, arm: ArmSettings) -> None:
        """No arm may start from, or be matched to, itself by any way."""
        ahead, seen = [arm.parent, arm.of], {""}
        while ahead:
            path = ahead.pop()
            if path == name:
                msg = f"arms: an arm cannot start from, or match, what descends from it, but {name} does"
                raise ValueError(msg)
            if path not in seen:
                seen.add(path)
                other = Arm.parse(path)
                found = self.arms.get(other.stage, {}).get(other.name)
                ahead += [found.parent, found.of] if found else []


def _check_start(key: str, net: str, settings: SystemSettings) -> None:
    """A network starts from another one, and by no way from itself."""
    seen, own = {net}, settings.nets[net]
    while own.parent:
        if own.parent not in settings.nets:
            msg = f"{key}: `from` must name another network, one of {', '.join(settings.nets)}, but got {own.parent!r}"
            raise ValueError(msg)
        if own.parent in seen:
            msg = f"{key}: a network cannot start from what descends from it, but {net} does"
            raise ValueError(msg)
        seen.add(own.parent)
        own = settings.nets[own.parent]


def _check_loss(name: str, given: dict[str, Any]) -> None:
    if name not in LOSSES:
        msg = f"objectives: a loss must be one of {', '.join(LOSSES)}, but got {name!r}"
        raise ValueError(msg)
    known = LOSSES[name].defaults
    for key, value in given.items():
        if key not in known:
            msg = f"objectives.{name}: unknown key {key!r}; it knows {', '.join(known) or 'no parameter'}"
            raise ValueError(msg)
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            msg = f"objectives.{name}.{key} must be a number >= 0, but got {value!r}"
            raise ValueError(msg)
