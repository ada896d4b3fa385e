"""The start of weights whose rows, or columns where these are fewer, are orthogonal and of length one."""

from __future__ import annotations

import numpy as np

from benchmark.common.arrays import Floats


def orthogonal(normal: Floats) -> Floats:
    """Make a matrix orthonormal, row by row (Gram-Schmidt).

    Args:
        normal: numbers drawn from a normal distribution, float64, shape (r, c).

    Returns:
        Shape (r, c): orthonormal rows, or columns where r > c. Uniform among such where the draws are independent.
    """
    found = (normal.T if len(normal) > normal.shape[1] else normal).copy()
    for place, row in enumerate(found):
        # What rounding leaves of the rows before it goes the second time.
        for _ in range(2):
            row -= (found[:place] @ row) @ found[:place]
        row /= np.sqrt(row @ row)
    return found.T if len(normal) > normal.shape[1] else found
