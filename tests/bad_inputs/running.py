"""Runs commands in this process on small tables."""

from __future__ import annotations

import gzip
import io
import re
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from benchmark.cli.main import main

IMAGES = tuple(f"{patient}_{eye}" for patient in range(1, 7) for eye in ("left", "right"))
TRUTH = (0, 1, 2, 3, 4, 0, 1, 2, 0, 0, 3, 4)
PREDICTED = (0, 1, 1, 3, 4, 1, 0, 2, 0, 2, 3, 2)
PERCENT = np.where(np.arange(5) == np.array(PREDICTED)[:, None], 80, 5)
"""Percentages of grades 0-4 per image, highest for the predicted grade."""


def naive_kappa(truth: Sequence[int], predicted: Sequence[int]) -> float:
    """Return quadratic weighted kappa by its definition over all pairs of images; NaN without expected disagreement."""
    observed = sum((one - other) ** 2 for one, other in zip(truth, predicted, strict=True)) / len(truth)
    chance = sum((one - other) ** 2 for one in truth for other in predicted) / len(truth) ** 2
    return 1 - observed / chance if chance else float("nan")


KAPPA = naive_kappa(TRUTH, PREDICTED)


def csv(columns: Mapping[str, Iterable[object]], separator: str = ",", end: str = "\n") -> str:
    """Return a table with these columns."""
    rows = zip(*columns.values(), strict=True)
    return "".join(separator.join(map(str, row)) + end for row in [tuple(columns), *rows])


LABELS = csv({"image": IMAGES, "level": TRUTH})
GRADES = csv({"image": IMAGES, "prediction": PREDICTED})


def probabilities(names: Iterable[str], values: np.ndarray = PERCENT / 100, order: Iterable[int] = range(5)) -> str:
    """Return predictions with the probability columns of the grades in this order under these names."""
    columns = zip(names, order, strict=True)
    return csv({"image": IMAGES, **{name: values[:, grade].tolist() for name, grade in columns}})


def zipped(files: Mapping[str, str]) -> bytes:
    """Return a zip archive of these files."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return stream.getvalue()


def gzipped(text: str) -> bytes:
    """Return the text, compressed by gzip."""
    return gzip.compress(text.encode())


def saved(values: object) -> bytes:
    """Return an array as an npy file."""
    stream = io.BytesIO()
    np.save(stream, values)
    return stream.getvalue()


def put(name: str | Path, content: str | bytes) -> None:
    """Write a file and its folders."""
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_bytes(content if isinstance(content, bytes) else content.encode())


def outcome(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Run a command; return its exit code, stdout and stderr."""
    try:
        code = main(arguments)
    except SystemExit as end:  # Raised by argparse.
        code = int(end.code or 0)
    out, err = capsys.readouterr()
    return code, out, err


def is_one_sentence(err: str) -> bool:
    """Return True if an error message is one readable line, below any progress."""
    lines = [line for line in err.splitlines() if line.strip() and not re.match(r"usage:|\w[\w ]*: +\d+%\|", line)]
    return len(lines) == 1 and "Traceback" not in err and lines[0].isprintable()
