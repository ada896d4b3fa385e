"""Plug-ins of Hydra, which DVC loads from here when it composes params.yaml."""
