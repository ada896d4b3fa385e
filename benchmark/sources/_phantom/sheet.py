"""Contact sheet with one row of photographs per grade."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from benchmark.common.files import atomic
from benchmark.sources._phantom.camera import Picture
from benchmark.sources._phantom.cohort import cohort
from benchmark.sources._phantom.render import photograph

if TYPE_CHECKING:
    from benchmark.sources._phantom.params import Params


def contact_sheet(params: Params, path: Path, columns: int = 6) -> None:
    """Write a PNG with a row per true grade 0-4 of ``columns`` eyes, each of another patient."""
    shots = cohort(params)
    rows = []
    for grade in range(5):
        eyes = [shot for shot in shots if shot.grade == grade and (shot.eye == "left") == shot.patient % 2][:columns]
        tiles = [_tile(photograph(params.seed, eye.patient, eye.eye, grade, params.pixels)) for eye in eyes]
        blank = np.zeros((params.pixels, params.pixels, 3), np.uint8)
        row = np.hstack(tiles + [blank] * (columns - len(tiles)))
        cv2.putText(row, f"grade {grade}", (8, 24), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (255, 255, 255), 1, cv2.LINE_AA)
        rows.append(row)
    _, encoded = cv2.imencode(".png", np.vstack(rows)[..., ::-1])
    with atomic(path) as partial:
        partial.write_bytes(encoded.tobytes())


def _tile(picture: Picture) -> Picture:
    """Pad a photograph with black to a square of its width."""
    height, width, _ = picture.shape
    above = (width - height) // 2
    return np.pad(picture, ((above, width - height - above), (0, 0), (0, 0)))
