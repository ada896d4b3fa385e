"""The search space of a sweep: the swept parameters, their published values, and their distributions in Optuna.

A logarithmic range cannot include 0. A parameter with ``zero`` is therefore drawn in two steps: whether it is 0 and, if
not, its value in the range. If it is the only swept parameter, 0 is a single point, and training is deterministic; so 0
is then one trial, the second, and the sampler never draws it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from benchmark.common.errors import InputError
from benchmark.common.section import flattened, in_words
from benchmark.common.terms import Arm
from benchmark.settings.params import Params
from benchmark.settings.sweep import Sweep, Value
from models.losses.registry import LOSSES

if TYPE_CHECKING:
    from optuna import Trial

PUBLISHED: dict[str, Value] = {"losses.ce_mse.weight": 1.0}
"""Values that the paper prints; it prints no other parameter that can be searched."""
IS_ZERO = "{} is 0"
"""Optuna's name of the first step."""
PAPER, ZERO = "paper", "zero"
"""Roles of the trials that are queued before the sampler draws any."""


def check_space(params: Params) -> None:
    """Check the names and values in ``sweep.space``.

    Raises InputError if the arm or the head does not exist, the space is empty, or a parameter is unknown, has no
    effect on the arm, or may not take one of its values.
    """
    sweep = params.sweep
    loss = params.arm(*arm_of(params)).loss
    if sweep.head not in LOSSES[loss].heads:
        heads = ", ".join(LOSSES[loss].heads)
        msg = f"sweep.head must be a head of {sweep.arm}, but {loss} trains {heads}: choose one of them"
        raise InputError(msg)
    if not sweep.space:
        msg = "sweep.space must name a parameter to search, but is empty: use a profile such as -S sweep=weight"
        raise InputError(msg)
    known = values_of(params)
    for key, rule in sweep.space.items():
        _check_name(key, known)
        for value in rule.choices or [end for end in (rule.low, rule.high) if end is not None]:
            try:
                variant(params, {key: value}, sweep.seeds)
            except ValidationError as error:
                raise InputError(in_words(error, f"sweep.space.{key} may not be {value!r}")) from error
    for key, value in published(params).items():
        if not sweep.space[key].admits(value):
            word = reference([key])
            msg = f"sweep.space.{key} must include the {word} value, the first trial, but excludes {value}: widen it"
            raise InputError(msg)


def _check_name(key: str, known: Mapping[str, Value]) -> None:
    if key == "train.epochs":
        msg = "sweep.space must not include train.epochs, because trials are compared by epoch: set sweep.epochs"
        raise InputError(msg)
    if key not in known:
        near = difflib.get_close_matches(key, known, n=1)
        hint = f"did you mean `{near[0]}`?" if near else f"known are {', '.join(known)}"
        msg = f"sweep.space must hold parameters that its arm uses, but holds {key!r}: rename it ({hint})"
        raise InputError(msg)


def values_of(params: Params) -> dict[str, Value]:
    """Return the parameters of the sweep's arm that may be swept, by dotted name; none changes the data."""
    params, loss = params.of(arm_of(params)), params.arm(*arm_of(params)).loss
    sections = {
        "losses": {loss: params.loss_parameters(loss)},
        "train": params.train.model_dump(),
        "model": params.model.model_dump(),
    }
    return {name: value for name, value in flattened(sections) if isinstance(value, float | int | str)}


def published(params: Params) -> dict[str, Value]:
    """Return the published value of each swept parameter; if there is none, the value in params.yaml."""
    known = values_of(params)
    return {key: PUBLISHED.get(key, known[key]) for key in params.sweep.space}


def reference(space: Iterable[str]) -> str:
    """Return the word for the values that a search is compared with: published, or declared if any is not."""
    return "published" if set(space) <= PUBLISHED.keys() else "declared"


def with_space(params: Params, declared: Sequence[str]) -> Params:
    """Return the parameters with another space, each text like ``train.lr=1e-4:1e-2:log``, and a study named after it.

    Raises InputError if a text has another form, or the space breaks a rule.
    """
    space = dict(map(_parse_rule, declared))
    study = "_".join(name.rpartition(".")[2] for name in space)
    try:
        sweep = Sweep.model_validate(params.sweep.model_dump() | {"space": space, "study": study, "pipeline": []})
    except ValidationError as error:
        raise InputError(in_words(error, f"--space {' '.join(declared)} breaks a rule")) from error
    return params.model_copy(update={"sweep": sweep})


def _parse_rule(text: str) -> tuple[str, dict[str, Any]]:
    from ruamel.yaml import YAML

    name, _, values = text.partition("=")
    ends, options = values.split(":")[:2], values.split(":")[2:]
    if not (name and values) or set(options) - {"log", "zero"}:
        msg = (
            f"--space takes NAME=LOW:HIGH, NAME=LOW:HIGH:log, NAME=LOW:HIGH:log:zero or NAME=A,B,C, but got {text!r}: "
            "write e.g. train.lr=1e-4:1e-2:log"
        )
        raise InputError(msg)
    # As in params.yaml, 1e-4 is a number.
    scalar = YAML(typ="safe", pure=True).load
    if len(ends) == 1:
        return name, {"choices": [scalar(value) for value in values.split(",")]}
    return name, {"low": scalar(ends[0]), "high": scalar(ends[1])} | dict.fromkeys(options, True)


def variant(params: Params, values: Mapping[str, Value], seeds: list[int]) -> Params:
    """Return the parameters with other values, by dotted name, and other seeds; raises pydantic's ValidationError."""
    raw = params.model_dump(by_alias=True, exclude={"data"}) | {"seeds": seeds}
    method, name = arm_of(params)
    own = raw["arms"][method][name]
    if params.sweep.epochs:
        raw["train"]["epochs"] = params.sweep.epochs
        own["train"].pop("epochs", None)
    has_own = dict(flattened(own))
    for key, value in values.items():
        *path, last = key.split(".")
        section = own if key in has_own else raw
        for part in path:
            section = section[part]
        section[last] = value
    return type(params).model_validate(raw | {"data": params.data})


def enqueued(params: Params) -> dict[str, dict[str, Any]]:
    """Return the trials before the sampler's, as Optuna's parameters by role: the published values, then each 0."""
    space, paper = params.sweep.space, published(params)
    zeros = [key for key, rule in space.items() if rule.zero and paper[key] != 0]
    roles = {key: ZERO if len(zeros) == 1 else f"{ZERO} {key}" for key in zeros}
    return {PAPER: _to_optuna(params, paper)} | {roles[key]: _to_optuna(params, paper | {key: 0.0}) for key in zeros}


def _to_optuna(params: Params, values: Mapping[str, Value]) -> dict[str, Any]:
    fixed: dict[str, Any] = {}
    for key, rule in params.sweep.space.items():
        if rule.zero:
            fixed[IS_ZERO.format(key)] = values[key] == 0
        if not (rule.zero and values[key] == 0):
            fixed[key] = values[key]
    return fixed


def fixed_parameters(params: Params) -> dict[str, Any]:
    """Return Optuna's parameters that the sampler must not draw (see the module's docstring)."""
    space = params.sweep.space
    return {IS_ZERO.format(key): False for key, rule in space.items() if rule.zero and len(space) == 1}


def suggest(trial: Trial, params: Params) -> dict[str, Value]:
    """Draw a trial's values, by dotted name."""
    known = values_of(params)
    values: dict[str, Value] = {}
    for key, rule in params.sweep.space.items():
        if rule.zero and trial.suggest_categorical(IS_ZERO.format(key), [False, True]):
            values[key] = 0.0
        elif rule.low is None or rule.high is None:
            values[key] = trial.suggest_categorical(key, rule.choices)
        elif isinstance(known[key], int) and not key.startswith("losses."):
            # A loss's parameters are real numbers, even if one is written as an integer.
            values[key] = trial.suggest_int(key, int(rule.low), int(rule.high), log=rule.log)
        else:
            values[key] = trial.suggest_float(key, rule.low, rule.high, log=rule.log)
    return values


def read_values(drawn: dict[str, Any], space: Iterable[str]) -> dict[str, Value]:
    """Return the values of the swept parameters from Optuna's, without those that a trial never drew."""
    values = drawn | {key: 0.0 for key in space if drawn.get(IS_ZERO.format(key))}
    return {key: values[key] for key in space if key in values}


def value_text(value: Value) -> str:
    """Return a swept value as text."""
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def values_text(values: Mapping[str, Value]) -> str:
    """Return swept values as text, by the last part of their names."""
    return ", ".join(f"{name.rpartition('.')[2]} {value_text(value)}" for name, value in values.items())


def arm_of(params: Params) -> Arm:
    """Return the sweep's arm."""
    return Arm.parse(params.sweep.arm)
