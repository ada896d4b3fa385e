"""The csv tables and parameters of a git revision or a DVC experiment, whose tables DVC holds."""

from __future__ import annotations

import subprocess
from pathlib import Path, PurePosixPath

from benchmark.common.errors import InputError
from benchmark.report import TABLES
from benchmark.settings.loading import PARAMS


def read_revision(root: Path, revision: str, argument: str) -> dict[str, str]:
    """Return the texts of the csv tables and of ``params.yaml`` by their names, from the DVC cache or a remote.

    Args:
        root: folder of the project.
        revision: a git revision or the name of a DVC experiment.
        argument: name of the command's argument, for messages.

    Raises:
        InputError: git refuses the repository, there is no such revision, or DVC does not hold its tables.
    """
    if not revision:
        raise InputError(_no_tables(revision, "an empty name", argument))
    done = subprocess.run(["git", "rev-parse", "--git-dir"], cwd=root, capture_output=True, text=True, check=False)
    if "safe.directory" in done.stderr:
        refused = done.stderr.partition("\n")[0].removeprefix("fatal: ")
        msg = (
            f"{argument} takes a revision of a git repository of your own, but git refuses this one ({refused}): run "
            f"`git config --global --add safe.directory {root.absolute()}` if you trust its owner"
        )
        raise InputError(msg)
    from dvc.api import DVCFileSystem
    from dvc.exceptions import DvcException
    from dvc.utils.serialize import ParseError
    from dvc.utils.strictyaml import YAMLValidationError
    from scmrepo.exceptions import SCMError

    try:
        files = DVCFileSystem(str(root.absolute()), rev=revision)
        paths = [path for path in files.find(TABLES.as_posix()) if path.endswith(".csv")]
        texts = {PurePosixPath(path).name: files.read_text(path, encoding="utf-8") for path in paths}
        params = files.read_text(PARAMS.name, encoding="utf-8")
    except (ParseError, YAMLValidationError) as error:
        msg = (
            f"{argument} takes a revision whose dvc.lock is whole, but that of {revision!r} is damaged "
            f"({' '.join(str(error).split())}): remove dvc.lock there, run `dvc repro`, which finds finished stages in "
            "its cache, and commit the new one"
        )
        raise InputError(msg) from error
    except (DvcException, SCMError, OSError) as error:
        reason = " ".join(str(error).split())
        raise InputError(_no_tables(revision, reason, argument)) from error
    if not texts:
        raise InputError(_no_tables(revision, f"its dvc.lock does not list {TABLES}", argument))
    return {**texts, PARAMS.name: params}


def _no_tables(revision: str, reason: str, argument: str) -> str:
    return (
        f"{argument} takes a folder with {TABLES}/, or a revision whose tables DVC holds, but got {revision!r} "
        f"({reason}): commit dvc.lock after `dvc repro` there, and `dvc pull` where the cache is another's"
    )
