"""Roles inside train: patients whose images networks are fitted on, and patients kept back for blends and cuts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from benchmark.common.files import sha256_json
from benchmark.common.splitting import Cluster, by_grade, cluster_of, evenly
from benchmark.data.manifest import Row

Role = Literal["fit", "holdout"]


def assign_roles(rows: Iterable[Row], holdout_fraction: float) -> dict[str, Role]:
    """The role of every train image.

    A patient has one role in all images; an image of an unknown patient counts as a patient of its own. Patients are
    dealt by their worse eye's grade, so that both roles hold their share of each.

    Args:
        rows: of the manifest; those of other splits have no role.
        holdout_fraction: of the patients, for ``holdout``; at least one patient has either role where there are two.
    """
    train = [row for row in rows if row.split == "train"]
    cluster = {row.image_id: cluster_of(row.patient, row.image_id) for row in train}
    worst: dict[Cluster, int] = {}
    for row in train:
        name = cluster[row.image_id]
        worst[name] = max(row.grade, worst.get(name, 0))
    count = min(max(round(holdout_fraction * len(worst)), 1), len(worst) - 1)
    kept = evenly(by_grade(worst, "roles"), max(count, 0))
    return {image_id: "holdout" if name in kept else "fit" for image_id, name in cluster.items()}


def roles_sha256(dealt: dict[str, Role]) -> str:
    """Identity of a deal."""
    # "blend" is what the role was called when the first results were kept, which show this hash.
    return sha256_json(sorted((image_id, "blend" if role == "holdout" else role) for image_id, role in dealt.items()))
