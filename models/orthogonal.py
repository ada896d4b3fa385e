"""Orthogonal initial weights, identical on every platform."""

from __future__ import annotations

import numpy as np

from benchmark.common.arrays import Floats


def orthogonal(normal: Floats) -> Floats:
    """Orthonormalise a matrix (r, c) of normal numbers row by row (Gram-Schmidt), or its columns if r > c."""
    rows = (normal.T if len(normal) > normal.shape[1] else normal).copy()
    for i, row in enumerate(rows):
        # The second projection removes the rounding errors of the first.
        for _ in range(2):
            row -= (rows[:i] @ row) @ rows[:i]
        row /= np.sqrt(row @ row)
    return rows.T if len(normal) > normal.shape[1] else rows
