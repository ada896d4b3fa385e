"""Mappings of tensor names from other projects to timm, one file each."""
