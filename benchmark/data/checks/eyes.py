"""Check that each patient has both eyes, as in EyePACS. A missing eye is harmless, but may be a sign of lost rows."""

from __future__ import annotations

from benchmark.data.checks.registry import CheckInfo, CheckResult, InspectedDataset, Issue

ABOUT = CheckInfo("each patient has both eyes", default="warn", unit="patients", reads_files=False, order=50)


def check(dataset: InspectedDataset) -> CheckResult:
    """Report every patient without a left or a right eye; the policy ``drop`` removes only training photographs."""
    photographs = dataset.photographs
    known = {
        patient: sided
        for patient, images in dataset.patients().items()
        if (sided := [index for index in images if photographs[index].eye != "unknown"])
    }
    if not known:
        return CheckResult(0, skip_reason="no patient's eyes are known")
    issues = []
    for patient, images in known.items():
        eyes = {photographs[index].eye for index in images}
        if len(eyes) == 1:
            names = ", ".join(dataset.name(index) for index in images)
            drop = tuple(index for index in images if photographs[index].split == "train")
            issues.append(Issue(f"patient {patient} has a {eyes.pop()} eye alone: {names}", tuple(images), drop))
    return CheckResult(len(known), tuple(issues))
