"""Help, version and shell completion."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from benchmark.cli.main import COMMANDS, EXAMPLES, main, parser_of
from tests.factories.paths import ROOT

BIN = Path(sys.executable).parent
LINES = [line for lines in EXAMPLES.values() for line in lines]


def test_every_command_has_examples():
    assert set(EXAMPLES) == set(COMMANDS)
    assert all(shlex.split(line)[1] == name for name, lines in EXAMPLES.items() for line in lines)


@pytest.mark.parametrize("line", LINES)
def test_the_parser_accepts_every_example(line):
    words = shlex.split(line.partition(" > ")[0])
    assert words[0] == "fundusbench"
    assert parser_of([words[1]]).parse_args(words[1:]).run


@pytest.mark.parametrize("name", COMMANDS)
def test_help_shows_the_examples_and_the_exit_codes(name, capsys):
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    out = capsys.readouterr().out
    assert all(f"  {line}\n" in out for line in EXAMPLES[name])
    assert "exit codes: 0 success" in out


def test_the_command_alone_prints_its_help(capsys):
    assert main([]) == 0
    out = capsys.readouterr().out
    assert all(f"    {name}" in out for name in COMMANDS)


def test_the_version_is_the_one_of_pyproject(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert capsys.readouterr().out == f"fundusbench {version}\n"


@pytest.mark.slow
def test_help_imports_no_heavy_library():
    """Torch, pandas and MLflow take seconds to import."""
    heavy = ["torch", "pandas", "mlflow", "optuna", "sklearn", "matplotlib", "dvc", "scipy", "ray"]
    code = (
        "import sys\nfrom benchmark.cli.main import main\n"
        f"for name in {list(COMMANDS)}:\n"
        "    try:\n        main([name, '--help'])\n    except SystemExit:\n        pass\n"
        f"    loaded = [library for library in {heavy} if library in sys.modules]\n"
        "    assert not loaded, (name, loaded)"
    )
    subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL, check=True)


@pytest.fixture(scope="module")
def completion(tmp_path_factory) -> Path:
    """The completion script for bash."""
    path = tmp_path_factory.mktemp("completion") / "script"
    done = subprocess.run([BIN / "fundusbench", "completion", "bash"], capture_output=True, check=True)
    path.write_bytes(done.stdout)
    return path


def completed(script: Path, folder: Path, *typed: str) -> list[list[str]]:
    """Return what bash offers for each of the lines."""
    command = f"source {script}; "
    for words in typed:
        command += (
            f"COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); "
            'COMP_LINE="${COMP_WORDS[*]}"; COMPREPLY=(); _shtab_fundusbench; echo "${COMPREPLY[*]}"; '
        )
    done = subprocess.run(["bash", "-c", command], cwd=folder, capture_output=True, text=True, check=True)
    return [line.split() for line in done.stdout.splitlines()]


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("bash"), reason="bash is not installed")
def test_bash_completes_commands_options_and_files(completion, tmp_path):
    (tmp_path / "predictions.csv").touch()
    typed = ("fundusbench pr", "fundusbench plan --no", "fundusbench score pred")
    commands, option, file = completed(completion, tmp_path, *typed)
    assert {"predict", "prepare"} <= set(commands)
    assert option == ["--no-measure"]
    assert file == ["predictions.csv"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_each_shell_gets_a_script_with_all_commands(shell, capsys):
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert all(name in script for name in COMMANDS)
