"""Splits and grades are as large as the data set's makers say: nothing is lost, and the split is the published one."""

from __future__ import annotations

from collections import Counter

from benchmark.data.checks.registry import Described, Finding, Found


def find(described: Described) -> Found:
    """One finding per split and grade with another number of photographs than expected; nothing can be dropped."""
    if not described.expected:
        return Found(0, why_not="the data set declares no counts")
    there = Counter((photograph.split, photograph.grade) for photograph in described.photographs)
    wanted = [(split, grade, n) for split, counts in described.expected.items() for grade, n in enumerate(counts)]
    findings = tuple(
        Finding(f"{split} has {there[split, grade]} photographs of grade {grade}, but {expected} are expected", ())
        for split, grade, expected in wanted
        if there[split, grade] != expected
    )
    return Found(len(wanted), findings)
