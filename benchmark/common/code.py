"""Which code decides a result, and its identity: what a module's imports reach, hashed without comments and docstrings.

A list of files kept by hand misses the file that somebody adds. So a result names a folder or a module, and all that
these import in this project, at any place of a file, follows.
"""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import version
from pathlib import Path

from benchmark.common.files import PROJECT, sha256_json

_PACKAGES = ("benchmark", "models")


def code_sha256(*roots: str, libraries: Iterable[str] = ()) -> str:
    """Identity of the code that decides a result: the same wherever it lies and however it is commented.

    Args:
        roots: files and folders, relative to the project; what their imports reach belongs to them.
        libraries: installed packages whose versions decide, too.
    """
    files = [[str(path), _bare(PROJECT / path)] for path in closure(*roots)]
    return sha256_json([files, {name: version(name) for name in libraries}])


@cache
def closure(*roots: str) -> tuple[Path, ...]:
    """Every file of the project that the roots and their imports reach, relative to it, sorted.

    A package reaches its ``__init__``. Imports for type checkers alone reach nothing, for they never run.

    Args:
        roots: files and folders, relative to the project.
    """
    found: set[Path] = set()
    ahead = [path for root in roots for path in _below(PROJECT / root)]
    while ahead:
        path = ahead.pop()
        if path not in found:
            found.add(path)
            ahead += _imported(path)
    return tuple(sorted(path.relative_to(PROJECT) for path in found))


def _below(root: Path) -> list[Path]:
    """A file, or all of a folder's; what does not exist is a mistake of ours."""
    files = sorted(root.rglob("*.py")) if root.is_dir() else [root]
    assert files, root
    assert all(path.exists() for path in files), root
    return files


@cache
def _imported(path: Path) -> tuple[Path, ...]:
    names = {
        name
        for statement in _running(ast.parse(path.read_text(encoding="utf-8")))
        for name in _names(statement)
        if name.split(".")[0] in _PACKAGES
    }
    names |= {".".join(path.relative_to(PROJECT).parts[:-1])}
    return tuple({found for name in names for found in _files(name)})


def _running(tree: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """Import statements that may run."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"):
            yield from _running(node)


def _names(statement: ast.Import | ast.ImportFrom) -> list[str]:
    """Modules that a statement may name: of ``from a import b``, both a and a.b."""
    if isinstance(statement, ast.Import):
        return [alias.name for alias in statement.names]
    module = statement.module or ""
    return [module, *(f"{module}.{alias.name}" for alias in statement.names)]


def _files(name: str) -> Iterator[Path]:
    """The file of a module and those of the packages around it, as far as they exist."""
    parts = name.split(".")
    for count in range(1, len(parts) + 1):
        stem = PROJECT.joinpath(*parts[:count])
        yield from (path for path in (stem.with_suffix(".py"), stem / "__init__.py") if path.exists())


@cache
def _bare(path: Path) -> str:
    """A file's text without comments, docstrings and the blanks at the ends of lines."""
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column]
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            assert node.end_lineno is not None
            lines[node.lineno - 1 : node.end_lineno] = [""] * (node.end_lineno - node.lineno + 1)
    return "\n".join(stripped for line in lines if (stripped := line.rstrip()))
