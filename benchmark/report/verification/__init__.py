"""Verification of tables: against the predictions, another run of the benchmark, and the reference results."""
