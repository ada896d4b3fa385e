"""The space of a sweep: which parameters it changes, their published values, and how Optuna draws them.

A logarithmic range cannot hold 0. A parameter with ``zero`` is therefore drawn in two steps: whether it is 0, and, if
not, its value in the range. Where nothing else is swept, 0 is one point and training is deterministic, so it is asked
once, as the second trial, and never drawn again.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from benchmark.common.errors import InputError
from benchmark.common.section import in_words
from benchmark.common.terms import Arm
from benchmark.settings.sweep import Rule, Value
from models.losses.registry import LOSSES

if TYPE_CHECKING:
    from optuna import Trial

    from benchmark.settings.params import Params

SECTIONS = ("objectives", "train", "model")
"""Where swept parameters may stand: what changes neither the data nor its packs."""
IS_ZERO = "{} is 0"
"""Optuna's name of the first step."""
PAPER, ZERO = "paper", "zero"
"""Roles of the trials that are enqueued before any is drawn."""


def check_space(params: Params) -> None:
    """Check the names and values of ``sweep.space`` against the parameters that they stand for.

    Raises:
        InputError: the arm or the output does not exist, the space is empty, or a parameter is unknown, of no effect
            on the arm, or given values that it cannot take.
    """
    sweep = params.sweep
    objective = params.arm(*arm_of(params)).objective
    if sweep.head not in LOSSES[objective].heads:
        heads = ", ".join(LOSSES[objective].heads)
        msg = f"sweep.head must be an output of {sweep.arm}, but {objective} trains {heads}: choose one of those"
        raise InputError(msg)
    if not sweep.space:
        msg = "sweep.space must name a parameter to search over, but is empty: use a profile such as -S sweep=weight"
        raise InputError(msg)
    known = values_of(params)
    for key, rule in sweep.space.items():
        _check_name(key, known)
        for value in _extremes(rule):
            _check_value(params, key, value)
    for key, value in published(params).items():
        if not sweep.space[key].admits(value):
            msg = f"sweep.space.{key} must hold the published value, which is tried first, but {value} is out: widen it"
            raise InputError(msg)


def _check_name(key: str, known: Mapping[str, Value]) -> None:
    if key == "train.epochs":
        msg = "sweep.space compares trials epoch by epoch, so it cannot hold `train.epochs`: set sweep.epochs instead"
        raise InputError(msg)
    if key not in known:
        near = difflib.get_close_matches(key, known, n=1)
        hint = f"did you mean `{near[0]}`?" if near else f"known are {', '.join(known)}"
        msg = f"sweep.space must hold parameters that its arm uses, but holds {key!r}: rename it ({hint})"
        raise InputError(msg)


def _check_value(params: Params, key: str, value: Value) -> None:
    try:
        variant(params, {key: value}, params.sweep.seeds)
    except ValidationError as error:
        raise InputError(in_words(error, f"sweep.space.{key} may hold no {value!r}")) from error


def _extremes(rule: Rule) -> list[Value]:
    return [value for value in (rule.low, rule.high) if value is not None] or rule.choices


def values_of(params: Params) -> dict[str, Value]:
    """Every parameter that the sweep's arm uses and that may be swept, by dotted name."""
    objective = params.arm(*arm_of(params)).objective
    losses = {objective: LOSSES[objective].defaults | params.objectives.get(objective, {})}
    sections = {"objectives": losses, "train": params.train.model_dump(), "model": params.model.model_dump()}
    return {name: value for name, value in _flatten(sections, "") if isinstance(value, float | int | str)}


def _flatten(section: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in section.items():
        if isinstance(value, dict):
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def published(params: Params) -> dict[str, Value]:
    """The published value of each swept parameter, or, where none is known, that of params.yaml."""
    known = values_of(params)
    objective = params.arm(*arm_of(params)).objective
    defaults = {f"objectives.{objective}.{key}": value for key, value in LOSSES[objective].defaults.items()}
    return {key: defaults.get(key, known[key]) for key in params.sweep.space}


def variant(params: Params, values: Mapping[str, Value], seeds: list[int]) -> Params:
    """The parameters with some of them changed, by dotted name, and with these seeds.

    Raises:
        ValidationError: a value breaks its parameter's rule.
    """
    raw = params.model_dump(by_alias=True, exclude={"data"}) | {"seeds": seeds}
    if params.sweep.epochs:
        raw["train"]["epochs"] = params.sweep.epochs
    for key, value in values.items():
        *path, last = key.split(".")
        section = raw
        for part in path:
            section = section[part]
        section[last] = value
    return type(params).model_validate(raw | {"data": params.data})


def enqueued(params: Params) -> dict[str, dict[str, Any]]:
    """The trials that are asked before any is drawn, as Optuna's parameters: the published values, and each 0."""
    space, paper = params.sweep.space, _fixed(params, published(params))
    zeros = [key for key, rule in space.items() if rule.zero and published(params)[key] != 0]
    roles = {key: ZERO if len(zeros) == 1 else f"{ZERO} {key}" for key in zeros}
    return {PAPER: paper} | {roles[key]: _fixed(params, published(params) | {key: 0.0}) for key in zeros}


def _fixed(params: Params, values: Mapping[str, Value]) -> dict[str, Any]:
    """Optuna's parameters that stand for these values."""
    fixed: dict[str, Any] = {}
    for key, rule in params.sweep.space.items():
        if rule.zero:
            fixed[IS_ZERO.format(key)] = values[key] == 0
        if not (rule.zero and values[key] == 0):
            fixed[key] = values[key]
    return fixed


def settled(params: Params) -> dict[str, Any]:
    """Optuna's parameters that the sampler must not draw (see the module's notes)."""
    space = params.sweep.space
    return {IS_ZERO.format(key): False for key, rule in space.items() if rule.zero and len(space) == 1}


def suggest(trial: Trial, params: Params) -> dict[str, Value]:
    """Draw a trial's values, by dotted name."""
    known = values_of(params)
    values: dict[str, Value] = {}
    for key, rule in params.sweep.space.items():
        if rule.zero and trial.suggest_categorical(IS_ZERO.format(key), [False, True]):
            values[key] = 0.0
        else:
            values[key] = _draw(trial, key, rule, whole=_is_whole(key, known[key]))
    return values


def read_values(drawn: dict[str, Any], space: Iterable[str]) -> dict[str, Value]:
    """A trial's values from Optuna's record of it; those that it did not come to draw are absent.

    Args:
        drawn: Optuna's parameters.
        space: names of the swept parameters.
    """
    found = drawn | {key: 0.0 for key in space if drawn.get(IS_ZERO.format(key))}
    return {key: found[key] for key in space if key in found}


def _draw(trial: Trial, key: str, rule: Rule, whole: bool) -> Value:
    if rule.low is None or rule.high is None:
        return trial.suggest_categorical(key, rule.choices)  # type: ignore[no-any-return]
    if whole:
        return int(trial.suggest_int(key, int(rule.low), int(rule.high), log=rule.log))
    return float(trial.suggest_float(key, rule.low, rule.high, log=rule.log))


def _is_whole(key: str, value: Value) -> bool:
    """Whether a parameter takes whole numbers; parameters of losses never do, however they are written."""
    return isinstance(value, int) and not isinstance(value, bool) and not key.startswith("objectives.")


def arm_of(params: Params) -> Arm:
    """The sweep's arm."""
    return Arm.parse(params.sweep.arm)
