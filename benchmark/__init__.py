"""The harness: one module per pipeline step (see dvc.yaml for the order)."""

import os

# Read by OpenMP when torch is loaded. Threads that spin while they wait make a training several times slower as soon as
# anything else runs on the machine.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
