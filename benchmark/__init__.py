"""The harness: packages in the order of the data's path (see dvc.yaml), each importing from those before it alone."""

import os

from benchmark.common.numbers import pin

# Libraries choose their instructions when they are loaded, so this comes before any of them.
pin(os.environ)
