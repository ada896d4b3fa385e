"""Runs: specifications, keys, results and their storage."""
