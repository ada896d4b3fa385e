"""Rendering of the photograph of one eye."""

from __future__ import annotations

import hashlib
from pathlib import Path

import cv2
import numpy as np

from benchmark.common.files import atomic
from benchmark.sources._phantom.anatomy import draw_eye, draw_person
from benchmark.sources._phantom.camera import CAMERAS, Picture, expose, illuminate, mount
from benchmark.sources._phantom.cohort import Shot
from benchmark.sources._phantom.lesions import burden_of, draw_findings
from benchmark.sources._phantom.tissue import reflect

_QUALITY = 92
"""JPEG quality."""

_STREAMS = {"shared": 0, "left": 1, "right": 2}
"""Number of each random stream of a patient."""


def photograph(seed: int, patient: int, eye: str, grade: int, pixels: int) -> Picture:
    """Render one eye as RGB [height, pixels, 3]; the result depends only on the arguments.

    Anatomy, lesions, light and sensor use separate random streams, so the same eye at another grade differs only in its
    lesions. The optic disc is on the side of the picture that ``eye`` (left or right) names.
    """
    shared, own = (np.random.default_rng((seed, patient, _STREAMS[who])) for who in ("shared", eye))
    person, camera = draw_person(shared), CAMERAS[shared.integers(len(CAMERAS))]
    gain = [float(g) for g in camera.gain * shared.lognormal(0, 0.03, 3)]
    frame = camera.frame(pixels)
    body, disease, light, sensor = own.spawn(4)
    anatomy = draw_eye(person, body)
    burden = burden_of(grade, disease)
    found = draw_findings(frame, anatomy, grade, burden, disease)
    planes = reflect(frame, person, anatomy, found, burden.beading, body)
    illuminate(frame, anatomy, planes, light)
    picture = expose(frame, planes, found.dust, gain, sensor)
    if eye == "left":  # Everything is drawn as a right eye.
        picture = np.ascontiguousarray(picture[:, ::-1])
    return mount(frame, camera, picture)


def save_photograph(seed: int, shot: Shot, pixels: int, path: Path) -> str:
    """Write the photograph of one eye as JPEG, atomically, and return its SHA-256."""
    picture = photograph(seed, shot.patient, shot.eye, shot.grade, pixels)
    _, encoded = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    data = encoded.tobytes()
    with atomic(path, durable=False) as partial:
        partial.write_bytes(data)
    return hashlib.sha256(data).hexdigest()
