"""Parameters of ``params.yaml`` as frozen, validated models; unknown keys are refused."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, SerializeAsAny, ValidationError, model_validator

from benchmark.common.errors import InputError
from benchmark.common.section import Section as Section
from benchmark.common.section import flattened, merged
from benchmark.common.terms import Arm
from benchmark.settings.data import ArmPacks, DataParams
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


_OF_ALL_RUNS = {"device", "numerics", "parallel_runs", "processes", "sync_batch_norm", "checkpoint_minutes"}
"""Options of ``train`` that an arm cannot have for itself, because they are of the process or of the queue."""


class ArmSettings(ArmPacks):
    """Parameters of an arm.

    ``model``, ``losses``, ``train`` and ``prepare`` hold the arm's own settings: keys of the sections of these names
    whose values differ for this arm. :meth:`Params.of` merges them.
    """

    model_config = ConfigDict(extra="forbid")

    loss: str
    """Name of a loss, a file of models/losses."""
    n_cells: Annotated[int, Field(ge=0, le=2)] = 0
    """Number of Reduction Cell-B after the backbone."""
    parent: Annotated[str, Field(alias="from")] = ""
    """``method/arm`` whose weights of the same seed this arm starts from; empty: the backbone's initial weights."""
    match: Literal["", "images", "macs"] = ""
    """Train for as many images, or multiply-adds, as the arm ``of`` and its parents; empty: for train.epochs."""
    of: str = ""
    """``method/arm`` whose cost is matched."""
    model: dict[str, Any] = Field({})
    """Settings of its network. With a backbone of its own, it does not take ``weights`` and ``truncate_after`` from the
    section, as they are of another network."""
    losses: dict[str, dict[str, Any]] = Field({})
    """Parameters of its loss, by name of the loss."""
    train: dict[str, Any] = Field({})
    """Settings of its training, without those of all runs (device, numerics, processes and the like)."""


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
    arms: Mapping[_Name, Mapping[_Name, ArmSettings]]
    """Method -> arm -> its parameters."""
    systems: dict[str, SystemSettings] = Field({})
    """Compared systems by name, a file of models/systems; each is trained like a method of ``arms``."""
    predicted: dict[_Name, GivenPredictions] = Field({}, exclude=True)
    """Compared systems that were measured elsewhere, by any other name: ``systems.NAME.predictions`` in the file. A
    dump leaves them out."""
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

    def of(self, arm: Arm) -> Params:
        """Return the parameters of an arm: the sections that all arms share, merged with the arm's own settings.

        Raises InputError if the arm is not declared.
        """
        own = self.arm(*arm)
        if not (own.model or own.losses or own.train or own.prepare.colour_normalisation):
            return self
        sections: dict[str, Any] = {
            "model": Model.model_validate(merged(_without_start(self.model.model_dump(), own.model), own.model)),
            "losses": merged(self.losses, own.losses),
            "train": Train.model_validate(merged(self.train.model_dump(), own.train)),
            "prepare": self.prepare.model_copy(update=own.prepare.model_dump(exclude_defaults=True)),
        }
        return self.model_copy(update=sections)

    def own_settings(self, arm: Arm) -> dict[str, Any]:
        """Return the settings of an arm that differ from those of the sections, by dotted name."""
        if arm.name not in self.arms.get(arm.method, {}) or (own := self.of(arm)) is self:
            return {}
        loss = self.arm(*arm).loss
        shared, ours = (
            dict(flattened(params.model_dump(mode="json", include={"model", "train", "prepare"})))
            | {f"losses.{loss}.{key}": value for key, value in params.loss_parameters(loss).items()}
            for params in (self, own)
        )
        return {name: value for name, value in ours.items() if value != shared.get(name)}

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
        _check_micro_batches(self.train, "train")
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
            key = error.errors(include_url=False)[0]["loc"][0]
            section = f"nets.{net}.train" if key in self.systems[system].nets[net].train else "train"
            raise ValueError(_fault(error, f"systems.{system}.{section}")) from error

    def _check_arm(self, name: str, arm: ArmSettings) -> None:
        if arm.loss not in LOSSES:
            msg = f"arms: `loss` must be one of {', '.join(LOSSES)}, but {name} has {arm.loss!r}"
            raise ValueError(msg)
        train = self._check_own(name, arm)
        if train.class_weights and not LOSSES[arm.loss].per_image:
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

    def _check_own(self, name: str, arm: ArmSettings) -> Train:
        """Check an arm's own settings, and return the settings of its training."""
        where = f"arms.{name.replace('/', '.')}"
        if of_all := [key for key in arm.train if key in _OF_ALL_RUNS]:
            msg = f"{where}.train.{of_all[0]} must be the same for all arms: set train.{of_all[0]} instead"
            raise ValueError(msg)
        if arm.match and "epochs" in arm.train:
            msg = f"{where}.train.epochs must be absent, because `match` determines the epochs: remove one of them"
            raise ValueError(msg)
        if others := [loss for loss in arm.losses if loss != arm.loss]:
            msg = f"{where}.losses must hold parameters of its own loss, {arm.loss}, but has {others[0]!r}: correct it"
            raise ValueError(msg)
        for loss, given in arm.losses.items():
            _check_loss(loss, given, f"{where}.losses")
        section = "model"
        try:
            Model.model_validate(merged(_without_start(self.model.model_dump(), arm.model), arm.model))
            section = "train"
            train = Train.model_validate(merged(self.train.model_dump(), arm.train))
        except ValidationError as error:
            raise ValueError(_fault(error, f"{where}.{section}")) from error
        _check_micro_batches(train, f"{where}.train")
        return train


_START = {"pretrained": False, "weights": "", "weights_sha256": ""}
"""Settings of a network without pretrained weights."""


def _without_start(model: dict[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of the shared network without those that an arm's own ones replace as a whole.

    Weights and the last module belong to a backbone, and an arm starts from one set of weights.
    """
    if "backbone" in own and own["backbone"] != model["backbone"]:
        model = model | {"weights": "", "weights_sha256": "", "truncate_after": ""}
    return model | _START if own.get("weights") or own.get("pretrained") else model


def _fault(error: ValidationError, where: str) -> str:
    """Describe the first fault of a merged section, by key, rule and value."""
    fault = error.errors(include_url=False)[0]
    key = ".".join([where, *map(str, fault["loc"])])
    if fault["type"] == "extra_forbidden":
        return f"{key} is not a parameter"
    rule = fault["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return f"{key}: {rule}" + f", but got {fault['input']!r}" * (not isinstance(fault["input"], dict))


def _check_micro_batches(train: Train, where: str) -> None:
    parts = train.grad_accum_steps * train.processes
    if parts > train.batch_size // 2:
        among = f" for {train.processes} processes" if train.processes > 1 else ""
        msg = (
            f"{where}.grad_accum_steps must leave two images or more per micro-batch, but splits "
            f"{train.batch_size} into {train.grad_accum_steps}{among}: lower it, or raise batch_size"
        )
        raise ValueError(msg)


def _cycle(parents: Mapping[str, Collection[str]]) -> str:
    """Return a name that depends on itself over any number of others; empty if there is none."""
    try:
        TopologicalSorter(parents).prepare()
    except CycleError as error:
        return str(error.args[1][0])
    return ""


def _check_loss(name: str, given: Mapping[str, Any], where: str = "losses") -> None:
    if name not in LOSSES:
        msg = f"{where}: a loss must be one of {', '.join(LOSSES)}, but got {name!r}"
        raise ValueError(msg)
    known = LOSSES[name].defaults
    for key, value in given.items():
        if key not in known:
            msg = f"{where}.{name}: a key must be one of {', '.join(known) or 'none'}, but got {key!r}"
            raise ValueError(msg)
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            msg = f"{where}.{name}.{key} must be a number >= 0, but got {value!r}"
            raise ValueError(msg)
