"""Entry point of the command ``fundusbench``, also ``python -m benchmark.cli``.

Imports are inside the function, so that an interrupt during the first of them ends with a sentence, too.
"""

import sys


def main() -> int:
    """Run the command and return its exit code; see :func:`benchmark.cli.main.main`."""
    try:
        from benchmark.cli.main import main as run
    except KeyboardInterrupt:
        print("fundusbench: interrupted", file=sys.stderr)
        return 130
    return run()


if __name__ == "__main__":
    sys.exit(main())
