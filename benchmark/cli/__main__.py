"""Entry point of the command ``fundusbench``, also ``python -m benchmark.cli``.

Imports are inside the functions, so that an interrupt during the first of them ends with a sentence, too.
"""

import os
import sys

OWN = "benchmark/cli/__main__.py"
"""This file in the folder of a project."""


def main() -> int:
    """Run the command and return its exit code; see :func:`benchmark.cli.main.main`.

    In a project's folder its own code runs, even if the active environment was installed for another clone, or DVC runs
    a queued experiment in a copy of the project.
    """
    try:
        if os.path.exists(OWN) and not os.path.samefile(OWN, __file__):  # noqa: PTH110, PTH121 - import no library yet
            _run_code_of_this_folder()
        if shadowed := _shadowed():
            print(f"fundusbench: {shadowed}", file=sys.stderr)
            return 2
        from benchmark.cli.main import main as run
    except KeyboardInterrupt:
        print("fundusbench: interrupted", file=sys.stderr)
        return 130
    return run()


def _run_code_of_this_folder() -> None:
    """Replace this process by one that imports the packages of the working folder before any others."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}
    os.execve(sys.executable, [sys.executable, "-m", "benchmark.cli", *sys.argv[1:]], environment)


def _shadowed() -> str:
    """Return what is wrong if Python would import another package of the name of one of this project's; else empty."""
    from importlib.util import find_spec

    root = os.path.realpath(f"{__file__}/../../..")
    for name in ("models", "experiments"):
        found = find_spec(name)
        places = [os.path.realpath(place) for place in (found.submodule_search_locations or ())] if found else []
        if f"{root}/{name}" not in places[:1]:
            where = places[0] if places else "nowhere"
            return (
                f"the package {name} must be the one beside {root}/benchmark, but Python finds it {where} first: "
                "start the command without PYTHONPATH, or install the project anew by `make`"
            )
    return ""


if __name__ == "__main__":
    sys.exit(main())
