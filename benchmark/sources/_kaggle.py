"""Files of a Kaggle competition, through Kaggle's client and with the user's token.

The client resumes and retries by itself. Kaggle publishes no checksums, but its zip archives hold one per file.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

from benchmark.common.errors import InputError


def competition_files(competition: str, pattern: str, folder: Path) -> list[Path]:
    """Download the files of a competition whose names match a regular expression; return them sorted by name.

    Raises InputError if the client or a valid token is missing, the rules are not accepted yet, or Kaggle cannot be
    reached.
    """
    api = _client()
    folder.mkdir(parents=True, exist_ok=True)
    with _explained(competition):
        listed = api.competition_list_files(competition, page_size=200).files
        names = sorted(file.name for file in listed if re.fullmatch(pattern, file.name))
        for name in names:
            api.competition_download_file(competition, name, path=str(folder), quiet=False)
    paths = [folder / name for name in names]
    missing = [path.name for path in paths if not path.exists()]
    if missing or not paths:
        fault = f"gave no {missing[0]}" if missing else f"lists none like {pattern}"
        msg = f"{competition} must have its files at Kaggle, but it {fault}: download them by hand and set data.root"
        raise InputError(msg)
    return paths


def competition_archive(competition: str, folder: Path) -> Path:
    """Download all of the competition's files as the one archive that Kaggle makes of them.

    Raises InputError if as for :func:`competition_files`.
    """
    api = _client()
    with _explained(competition):
        api.competition_download_files(competition, path=str(folder), quiet=False)
    return folder / f"{competition}.zip"


def _client() -> Any:
    """Return the authenticated client; its import looks for a token and, without one, prints a page of help."""
    try:
        with redirect_stdout(io.StringIO()):
            import kaggle

            kaggle.api.authenticate()
    except ModuleNotFoundError as error:
        msg = (
            "downloads from Kaggle need its client, which is not installed: install the extra `.[kaggle]`, or download "
            "the files by hand and set data.root"
        )
        raise InputError(msg) from error
    except SystemExit as error:
        msg = (
            "downloads from Kaggle need a token, but this machine has no valid token: create one at "
            "https://www.kaggle.com/settings/api and put it into KAGGLE_API_TOKEN or ~/.kaggle/access_token"
        )
        raise InputError(msg) from error
    except OSError as error:
        msg = f"Kaggle must be reachable, but is not ({type(error).__name__}: {error}): check the network"
        raise InputError(msg) from error
    return kaggle.api


@contextmanager
def _explained(competition: str) -> Iterator[None]:
    """Turn errors of the client into one sentence."""
    try:
        yield
    except OSError as error:
        status = getattr(getattr(error, "response", None), "status_code", None)
        if status in (401, 403):
            msg = (
                f"the rules of {competition} must be accepted before a download, but Kaggle refused it (HTTP "
                f"{status}): accept them with the token's account at https://www.kaggle.com/c/{competition}/rules"
            )
        else:
            reason = " ".join(str(error).split())
            msg = f"the files of {competition} must come from Kaggle, but did not ({reason}): fetch again to resume"
        raise InputError(msg) from error
