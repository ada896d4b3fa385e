"""Lets DVC compose params.yaml only where that loses no edit made by hand (:mod:`benchmark.settings.composition`)."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path

from hydra.core.config_search_path import ConfigSearchPath
from hydra.plugins.search_path_plugin import SearchPathPlugin

from benchmark.common.errors import InputError
from benchmark.settings.composition import guard


class KeepEdits(SearchPathPlugin):
    """Asked by Hydra before each composition; it adds no path."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Stop DVC where an edit would be lost.

        Raises:
            DvcException: with one sentence, which DVC prints.
        """
        # Hydra tells a plug-in nothing of what is composed, but the call of DVC's does, which overwrites the file.
        call = next((f for f in inspect.stack() if f.function in ("compose_and_dump", guard.__name__)), None)
        if call is None or call.function == guard.__name__:
            return
        from dvc.exceptions import DvcException

        given = call.frame.f_locals
        try:
            told = guard(Path(given["config_dir"]).parents[1], given["overrides"])
        except InputError as error:
            raise DvcException(str(error)) from error
        if told:
            print(f"warning: {told}", file=sys.stderr)
