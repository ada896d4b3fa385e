"""The product: packages in the order in which data passes through them (dvc.yaml); each imports only earlier ones."""
