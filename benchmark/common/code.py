"""Hash of the code that determines a result.

A hand-kept list of files would miss the file that somebody adds. A result therefore names folders or modules, and the
hash covers every file of this project that they import, directly or not, also inside functions. Comments, docstrings
and error messages are excluded.
"""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import metadata
from pathlib import Path

from benchmark.common.files import PROJECT, sha256_json
from benchmark.common.loaded import PACKAGES

version = cache(metadata.version)
"""Version of an installed package."""


def code_sha256(*roots: str, without: Iterable[str] = (), libraries: Iterable[str] = ()) -> str:
    """Hash the code that determines a result, and the versions of some libraries.

    Files and folders are relative to the project; everything that they import is included, but not the files
    ``without`` and what only they import.
    """
    found = closure(*roots, without=without)
    files = [[str(path), _bare((PROJECT / path).read_text(encoding="utf-8"))] for path in found]
    return sha256_json([files, {name: version(name) for name in libraries}])


def closure(*roots: str, without: Iterable[str] = ()) -> tuple[Path, ...]:
    """List the files of some roots and all files of the project that they import, sorted and relative to the project.

    A module imports the ``__init__`` of its packages. Imports under TYPE_CHECKING never run and are ignored. The files
    ``without`` are excluded, and their imports are not followed.
    """
    found, names = set[Path](), set[str]()
    excluded = {PROJECT / path for path in without}
    pending = [path for root in roots for path in _files_of(PROJECT / root)]
    while pending:
        path = pending.pop()
        if path not in found and path not in excluded:
            found.add(path)
            package = ".".join(path.relative_to(PROJECT).parts[:-1])
            new = {*_imports(path.read_text(encoding="utf-8")), *_with_packages(package)} - names
            names |= new
            pending += [file for name in new for file in _module_files(name)]
    return tuple(sorted(path.relative_to(PROJECT) for path in found))


def _files_of(root: Path) -> list[Path]:
    """List a file, or the modules of a folder."""
    files = sorted(root.rglob("*.py")) if root.is_dir() else [root]
    assert files, root
    assert all(path.exists() for path in files), root
    return files


@cache
def _imports(text: str) -> frozenset[str]:
    """Return the modules of this project that a file imports, with their packages."""
    names = {name for statement in _import_statements(_tree(text)) for name in _names(statement)}
    return frozenset(each for name in names if name.split(".")[0] in PACKAGES for each in _with_packages(name))


def _with_packages(name: str) -> list[str]:
    """Return a module and the packages that contain it."""
    parts = name.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts) + 1)]


_tree = cache(ast.parse)
"""The syntax tree of a file's text."""


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the statements, handlers and cases directly inside a statement or module; expressions contain none."""
    for name in ("body", "handlers", "cases", "orelse", "finalbody"):
        yield from getattr(node, name, ())


def _import_statements(tree: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """Yield import statements that may run."""
    for node in _statements(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"):
            yield from _import_statements(node)


def _names(statement: ast.Import | ast.ImportFrom) -> list[str]:
    """Return the modules that a statement may import: for ``from a import b``, both a and a.b."""
    if isinstance(statement, ast.Import):
        return [alias.name for alias in statement.names]
    module = statement.module or ""
    return [module, *(f"{module}.{alias.name}" for alias in statement.names)]


def _module_files(name: str) -> list[Path]:
    """Return the file of a module or package; empty for other names."""
    stem = PROJECT.joinpath(*name.split("."))
    return [path for path in (stem.with_suffix(".py"), stem / "__init__.py") if path.exists()]


@cache
def _bare(text: str) -> str:
    """Return a file's text without comments, docstrings, error messages, empty lines and trailing blanks."""
    lines = text.splitlines()
    for token in tokenize.generate_tokens(io.StringIO(text).readline) if "#" in text else ():
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column]
    for span in sorted(_wordings(_tree(text)), reverse=True):
        _cut_out(lines, *span)
    return "\n".join(stripped for line in lines if (stripped := line.rstrip()))


Position = tuple[int, int]
"""Line from 1 and byte from 0, as in the nodes of a syntax tree."""


def _wordings(tree: ast.AST) -> Iterator[tuple[Position, Position]]:
    """Yield the spans of :func:`_wording` in a statement or module."""
    for node in _statements(tree):
        yield from _wording(node)
        yield from _wordings(node)


def _wording(node: ast.AST) -> Iterator[tuple[Position, Position]]:
    """Yield the span of a docstring, of the arguments of a raised exception, or of a statement ``msg = ...``.

    Ruff's rule EM101 has the message of an exception assigned to a name first.
    """
    match node:
        case ast.Expr(value=ast.Constant(value=str())):
            yield _span(node)
        case ast.Assign(targets=[ast.Name(id="msg")]):
            yield _span(node)
        case ast.Raise(exc=ast.Call(func=raised) as call):
            yield _span(raised)[1], _span(call)[1]


def _span(node: ast.expr | ast.stmt) -> tuple[Position, Position]:
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    return (node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset)


def _cut_out(lines: list[str], start: Position, end: Position) -> None:
    """Remove the text between two positions in place; the number of lines stays the same."""
    (first, column), (last, end_column) = start, end
    rest = lines[last - 1].encode()[end_column:].decode()
    lines[first - 1 : last] = [lines[first - 1].encode()[:column].decode() + rest, *[""] * (last - first)]
