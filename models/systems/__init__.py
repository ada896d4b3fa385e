"""Whole systems of others that the comparison table lists, one file each: their networks and how they blend them."""
