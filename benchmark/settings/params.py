"""Parameters of ``params.yaml`` as frozen, validated models; unknown keys are refused."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Annotated, Any, Literal

from pydantic import Field, SerializeAsAny, ValidationError, model_validator

from benchmark.common.errors import InputError
from benchmark.common.section import Section as Section
from benchmark.common.terms import Arm, Size
from benchmark.settings.data import DataParams
from benchmark.settings.predictions import GivenPredictions
from benchmark.settings.sweep import Sweep
from benchmark.settings.training import Train
from benchmark.sources.registry import SOURCES, SourceParams
from models.blends.registry import BLENDS
from models.losses.registry import LOSSES
from models.settings import Model
from models.system_settings import SystemSettings
from models.systems.registry import SYSTEMS

_Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
"""Name of a method or an arm, and so of its folder."""
PREDICTIONS = "predictions"
"""Arm of a system that is given by its predictions, and the key of ``systems.*`` that declares them."""


class ArmSettings(Section):
    """Parameters of an arm."""

    loss: str
    """Name of a loss, a file of models/losses."""
    size: Size
    """Role of the input size."""
    n_cells: Annotated[int, Field(ge=0, le=2)] = 0
    """Number of Reduction Cell-B after the backbone."""
    parent: Annotated[str, Field(alias="from")] = ""
    """``method/arm`` whose weights of the same seed this arm starts from; empty: the backbone's initial weights."""
    match: Literal["", "images", "macs"] = ""
    """Train for as many images, or multiply-adds, as the arm ``of`` and its parents; empty: for train.epochs."""
    of: str = ""
    """``method/arm`` whose cost is matched."""


class Tracking(Section):
    """Parameters of the tracking by MLflow."""

    experiment: str = "fundusbench"
    """Name of the experiment, to which the name of the data set is appended."""
    live_after_s: Annotated[float, Field(ge=0)] = 300.0
    """Seconds above which a run's expected duration makes it appear in MLflow while it trains, not only at its end."""


class Params(DataParams):
    """All sections of params.yaml."""

    model: Model
    losses: dict[str, dict[str, Any]] = Field({})
    """Parameters of losses that differ from the defaults, by name of the loss."""
    train: Train
    seeds: Annotated[list[Annotated[int, Field(ge=0, lt=2**32)]], Field(min_length=1)]
    """Seeds of every arm."""
    arms: dict[_Name, dict[_Name, ArmSettings]]
    """Method -> arm -> its parameters."""
    systems: dict[str, SystemSettings] = Field({})
    """Compared systems by name, a file of models/systems; each is trained like a method of ``arms``."""
    predicted: dict[_Name, GivenPredictions] = Field({})
    """Compared systems that were measured elsewhere, by any other name: ``systems.NAME.predictions`` in the file."""
    tracking: Tracking = Tracking()
    transfer: dict[Annotated[str, Field(pattern=r"^[a-z0-9_-]+$")], SerializeAsAny[SourceParams]] = Field({})
    """Other data sets by name, declared like ``data``: every finished run is also evaluated on their test splits."""
    sweep: Sweep = Sweep()
    """Search over the loss weighting (``fundusbench sweep``)."""

    def arm(self, method: str, name: str) -> ArmSettings:
        """Look up an arm; raise InputError if the arm is not declared."""
        arms = self.arms.get(method, {})
        if name not in arms:
            known = ", ".join(f"{s}/{a}" for s in self.arms for a in self.arms[s])
            msg = f"an arm must be one of {known}, but got {method}/{name}: declare it under `arms` in params.yaml"
            raise InputError(msg)
        return arms[name]

    def train_of(self, system: str, net: str) -> Train:
        """Return the training parameters of a system's network."""
        settings = self.systems[system]
        return Train.model_validate({**self.train.model_dump(), **settings.train, **settings.nets[net].train})

    def loss_parameters(self, loss: str) -> dict[str, Any]:
        """Return the parameters of a loss: its defaults with those that are set."""
        return {**LOSSES[loss].defaults, **self.losses.get(loss, {})}

    def seeds_of(self, method: str) -> list[int]:
        """Return the seeds of a method or system."""
        if method in self.predicted:
            return list(self.predicted[method].seeds)
        return self.seeds if method in self.arms else self.seeds[: self.systems[method].seeds]

    @property
    def trains(self) -> bool:
        """True if there are photographs to train on; labels alone have no trained runs, whatever is declared."""
        return SOURCES[self.data.source].has_photographs

    def declared(self) -> Iterator[tuple[Arm, list[int]]]:
        """Yield every arm with its seeds in declared order, then each system's networks and blends, or its files."""
        for method, arms in self.arms.items() if self.trains else ():
            yield from ((Arm(method, name), self.seeds) for name in arms)
        for system, settings in self.systems.items() if self.trains else ():
            seeds = self.seeds_of(system)
            yield from ((Arm(system, name), seeds) for name in (*settings.nets, *SYSTEMS[system].steps) if seeds)
        yield from ((Arm(name, PREDICTIONS), self.seeds_of(name)) for name in self.predicted)

    @property
    def methods(self) -> list[str]:
        """Names of all methods and systems, whose runs have a folder and a stage of their own."""
        return [*self.arms, *self.systems, *self.predicted]

    @model_validator(mode="after")
    def _coheres(self) -> Params:
        parts = self.train.grad_accum_steps * self.train.processes
        if parts > self.train.batch_size // 2:
            among = f" for {self.train.processes} processes" if self.train.processes > 1 else ""
            msg = (
                "train.grad_accum_steps must leave two images or more per micro-batch, but splits "
                f"{self.train.batch_size} into {self.train.grad_accum_steps}{among}: lower it, or raise batch_size"
            )
            raise ValueError(msg)
        if self.train.sync_batch_norm and (self.train.processes == 1 or self.train.device == "cpu"):
            msg = (
                "train.sync_batch_norm requires several processes with a GPU each, but train.processes is "
                f"{self.train.processes} and train.device is {self.train.device}: set it to false"
            )
            raise ValueError(msg)
        if len(set(self.seeds)) != len(self.seeds):
            msg = f"seeds must differ from one another, but got {self.seeds}"
            raise ValueError(msg)
        for name, given in self.losses.items():
            _check_loss(name, given)
        for method, arms in self.arms.items():
            for name, arm in arms.items():
                self._check_arm(f"{method}/{name}", arm)
        needs = {
            f"{method}/{name}": (arm.parent, arm.of) for method, arms in self.arms.items() for name, arm in arms.items()
        }
        if cycle := _cycle(needs):
            msg = f"arms: an arm cannot start from, or match, one that depends on it, but {cycle} does"
            raise ValueError(msg)
        for system in self.systems:
            self._check_system(system)
        if taken := self.predicted.keys() & {*self.arms, *SYSTEMS}:
            msg = (
                f"systems: predictions need a name that is neither a method of `arms` nor one of {', '.join(SYSTEMS)}, "
                f"but got {min(taken)!r}: choose another"
            )
            raise ValueError(msg)
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
        read = {net for step in entry.steps.values() if isinstance(step.nets, tuple) for net in step.nets}
        if absent := [net for net in entry.nets if net in read - set(settings.nets)]:
            msg = f"systems.{name}.nets must have {', '.join(absent)}, which its steps read, but lacks it: add it"
            raise ValueError(msg)
        for net, own in settings.nets.items():
            if own.parent and own.parent not in settings.nets:
                msg = (
                    f"systems.{name}.nets: `from` must name another network, one of {', '.join(settings.nets)}, but "
                    f"{net} has {own.parent!r}"
                )
                raise ValueError(msg)
        if cycle := _cycle({net: [own.parent] for net, own in settings.nets.items()}):
            msg = f"systems.{name}.nets: a network cannot start from one that starts from it, but {cycle} does"
            raise ValueError(msg)
        known = {key for step in entry.steps.values() for key in BLENDS[step.blend].defaults}
        if unknown := [key for key in settings.blend if key not in known]:
            names = ", ".join(sorted(known)) or "none"
            msg = f"systems.{name}.blend: a key must be one of {names}, but got {unknown[0]!r}"
            raise ValueError(msg)
        for net in settings.nets:
            self._check_training(name, net)

    def _check_training(self, system: str, net: str) -> None:
        try:
            self.train_of(system, net)
        except ValidationError as error:
            fault = error.errors(include_url=False)[0]
            keys = [str(part) for part in fault["loc"]]
            section = f"nets.{net}.train" if keys[0] in self.systems[system].nets[net].train else "train"
            where = ".".join(["systems", system, section, *keys])
            msg = f"{where}: {fault['msg'].removeprefix('Input ')}, but got {fault['input']!r}"
            raise ValueError(msg) from error

    def _check_arm(self, name: str, arm: ArmSettings) -> None:
        if arm.loss not in LOSSES:
            msg = f"arms: `loss` must be one of {', '.join(LOSSES)}, but {name} has {arm.loss!r}"
            raise ValueError(msg)
        if self.train.class_weights and not LOSSES[arm.loss].per_image:
            msg = (
                f"train.class_weights requires losses that are means over images, but {name} minimises "
                f"{arm.loss}: set it to 0, or use train.resample"
            )
            raise ValueError(msg)
        if self.train.processes > 1 and not LOSSES[arm.loss].per_image:
            msg = (
                f"train.processes above 1 requires losses that are means over images, but {name} minimises "
                f"{arm.loss}, which depends on the whole batch: set it to 1"
            )
            raise ValueError(msg)
        for key, path in (("from", arm.parent), ("of", arm.of)):
            other = Arm.parse(path)
            if path and other.name not in self.arms.get(other.method, {}):
                msg = f"arms: `{key}` must name another arm as method/arm, but {name} has {path!r}"
                raise ValueError(msg)
        if bool(arm.match) != bool(arm.of):
            msg = f"arms: `match` and `of` must be given together, but {name} has {arm.match!r} and {arm.of!r}"
            raise ValueError(msg)


def _cycle(parents: Mapping[str, Collection[str]]) -> str:
    """Return a name that depends on itself over any number of others; empty if there is none."""
    try:
        TopologicalSorter(parents).prepare()
    except CycleError as error:
        return str(error.args[1][0])
    return ""


def _check_loss(name: str, given: dict[str, Any]) -> None:
    if name not in LOSSES:
        msg = f"losses: a loss must be one of {', '.join(LOSSES)}, but got {name!r}"
        raise ValueError(msg)
    known = LOSSES[name].defaults
    for key, value in given.items():
        if key not in known:
            msg = f"losses.{name}: a key must be one of {', '.join(known) or 'none'}, but got {key!r}"
            raise ValueError(msg)
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            msg = f"losses.{name}.{key} must be a number >= 0, but got {value!r}"
            raise ValueError(msg)
