"""From a data set's photographs to packs of square images, past the checks."""
