"""The product; packages are ordered as data passes through them (dvc.yaml), and each imports only earlier ones."""
