"""Roles of train patients: networks are fitted on some, and the others are held out for blends and thresholds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from benchmark.common.files import sha256_json
from benchmark.common.splitting import Cluster, cluster_of, evenly_spaced, sorted_by_grade
from benchmark.data.manifest import ManifestRow

TrainRole = Literal["fit", "holdout"]


def assign_roles(rows: Iterable[ManifestRow], holdout_fraction: float) -> dict[str, TrainRole]:
    """Assign a role to every train image.

    All images of a patient have one role; an image without a known patient counts as a patient of its own. Patients are
    stratified by the grade of their worse eye.

    Args:
        rows: rows of the manifest; those of other splits have no role.
        holdout_fraction: fraction of the patients to hold out; each role has at least one patient if there are two.
    """
    train = [row for row in rows if row.split == "train"]
    cluster = {row.image_id: cluster_of(row.patient, row.image_id) for row in train}
    worst: dict[Cluster, int] = {}
    for row in train:
        name = cluster[row.image_id]
        worst[name] = max(row.grade, worst.get(name, 0))
    count = min(max(round(holdout_fraction * len(worst)), 1), len(worst) - 1)
    held_out = evenly_spaced(sorted_by_grade(worst, "roles"), max(count, 0))
    return {image_id: "holdout" if name in held_out else "fit" for image_id, name in cluster.items()}


def roles_sha256(roles: dict[str, TrainRole]) -> str:
    """Compute the identity of an assignment of roles."""
    # The first published results contain this hash, when the role was still called "blend".
    return sha256_json(sorted((image_id, "blend" if role == "holdout" else role) for image_id, role in roles.items()))
