"""Intervals over seeds and patients, paired tests, and a verdict on each claim of the paper."""
