"""Array types that several packages share."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Grades = npt.NDArray[np.int64]


Ints = npt.NDArray[np.int64]


Floats = npt.NDArray[np.float64]
