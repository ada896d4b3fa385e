"""What a user is told who asks for help, and what the shell completes."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmark.cli.examples import EXAMPLES
from benchmark.cli.main import COMMANDS, main, parser_of

BIN = Path(sys.executable).parent
LINES = [line for lines in EXAMPLES.values() for line in lines]


def test_every_command_has_examples():
    assert list(EXAMPLES) == list(COMMANDS)
    assert all(lines and all(shlex.split(line)[1] == name for line in lines) for name, lines in EXAMPLES.items())


@pytest.mark.parametrize("line", LINES)
def test_an_example_is_a_command_that_is_taken(line):
    words = shlex.split(line.partition(" > ")[0])
    assert words[0] == "fundusbench"
    assert parser_of([words[1]]).parse_args(words[1:]).run


@pytest.mark.parametrize("name", COMMANDS)
def test_help_shows_the_examples_and_the_exit_codes(name, capsys):
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    told = capsys.readouterr().out
    assert all(f"  {line}\n" in told for line in EXAMPLES[name])
    assert "exit codes: 0 done" in told


@pytest.mark.parametrize("name", COMMANDS)
def test_help_waits_for_no_library_of_numbers(name):
    """Torch, pandas and MLflow take seconds to import; help takes none of them, so that it comes at once."""
    heavy = ["torch", "pandas", "mlflow", "optuna", "sklearn", "matplotlib", "dvc", "scipy", "ray"]
    code = (
        "import sys\nfrom benchmark.cli.main import main\n"
        f"try:\n    main([{name!r}, '--help'])\nexcept SystemExit:\n    pass\n"
        f"print([name for name in {heavy} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def completed(folder: Path, words: str) -> list[str]:
    script = subprocess.run([BIN / "fundusbench", "completion", "bash"], capture_output=True, text=True, check=True)
    (folder / "script").write_text(script.stdout)
    asked = (
        f"source ./script; COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); "
        'COMP_LINE="${COMP_WORDS[*]}"; _shtab_fundusbench; printf \'%s\\n\' "${COMPREPLY[@]}"'
    )
    done = subprocess.run(["bash", "-c", asked], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.split()


@pytest.mark.skipif(not shutil.which("bash"), reason="bash is not installed")
def test_bash_completes_commands_options_and_files(tmp_path):
    (tmp_path / "predictions.csv").touch()
    assert "predict" in completed(tmp_path, "fundusbench pr")
    assert "prepare" in completed(tmp_path, "fundusbench pr")
    assert completed(tmp_path, "fundusbench plan --no") == ["--no-measure"]
    assert completed(tmp_path, "fundusbench score pred") == ["predictions.csv"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_each_shell_gets_a_script_with_all_commands(shell, capsys):
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert all(name in script for name in COMMANDS)
