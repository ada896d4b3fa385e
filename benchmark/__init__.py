"""The harness: one module per pipeline step (see dvc.yaml for the order)."""

import os

# Read by OpenMP when torch is loaded. Threads that spin for long while they wait make a training several times slower
# as soon as anything else runs on the machine; threads that never spin halve its speed on a quiet one. So they spin for
# the few microseconds that lie between two operations of a network.
os.environ.setdefault("GOMP_SPINCOUNT", "3000")
