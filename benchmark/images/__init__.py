"""From a photograph's file to a square image around its field of view."""
