"""The harness: one module per pipeline step (see dvc.yaml for the order)."""
