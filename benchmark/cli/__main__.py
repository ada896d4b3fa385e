"""``python -m benchmark.cli``."""

import sys

from benchmark.cli.main import main

sys.exit(main())
