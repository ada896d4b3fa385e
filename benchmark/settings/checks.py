"""Policies of the data checks: what to do when a check finds issues."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator

from benchmark.common.plugins import discover

Policy = Literal["stop", "warn", "drop"]
"""Stop before the manifest is written; continue with a warning; continue without the images that the issue names."""


@dataclass(frozen=True, slots=True)
class CheckInfo:
    """Metadata of a check, the ``ABOUT`` of a file in benchmark/data/checks."""

    requirement: str
    """Condition that the data must meet."""
    default: Policy
    """Policy unless params.yaml sets another."""
    policies: tuple[Policy, ...] = get_args(Policy)
    """Allowed policies: the manifest cannot hold some faults, and nothing can be dropped for others."""
    unit: str = "photographs"
    """Name of the things that the check counts."""
    reads_files: bool = True
    """False if the table of labels is enough."""
    order: float = 100
    """Place in tables; checks with equal places are sorted by name."""


CHECKS = discover("benchmark.data.checks", CheckInfo)
"""Metadata of each check by its name, in the order of tables."""


def _with_defaults(chosen: dict[str, Policy]) -> dict[str, Policy]:
    """Validate the chosen policies and fill in the defaults."""
    for name, policy in chosen.items():
        if name not in CHECKS:
            msg = f"must name checks among {', '.join(CHECKS)}, but got {name!r}"
            raise ValueError(msg)
        if policy not in CHECKS[name].policies:
            msg = f"must set {name} to {' or '.join(CHECKS[name].policies)}, but got {policy!r}"
            raise ValueError(msg)
    return {name: chosen.get(name, info.default) for name, info in CHECKS.items()}


Policies = Annotated[dict[str, Policy], AfterValidator(_with_defaults)]
"""Policy of each check by its name; checks that are left out have their default policy."""


def default_policies() -> dict[str, Policy]:
    """Return the default policy of every check."""
    return _with_defaults({})
