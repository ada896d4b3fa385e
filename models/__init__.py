"""The compared networks: backbones, heads, Multi-Cell modules, losses, and the systems of other authors."""
