"""Intervals over seeds and patients, paired differences, and a verdict on each claim of the paper."""
