"""Systems of other authors in the comparison table, one file each: their networks and their blends."""
