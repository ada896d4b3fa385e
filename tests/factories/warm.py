"""A server that forks `dvc` and `fundusbench` from a process with their libraries, whose import takes seconds.

A command started in this way runs its installed script in a process of its own and imports the project's code anew.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import runpy
import select
import shutil
import socket
import subprocess
import sys
import tempfile
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path

COMMANDS = ("dvc", "fundusbench")
LIBRARIES = (
    "cv2",
    "dvc.cli",
    "dvc.commands.repro",
    "dvc.repo.reproduce",
    "lightning_fabric",
    "matplotlib.backends.backend_agg",
    "mlflow",
    "pandas",
    "pyarrow",
    "scipy.stats",
    "sklearn.ensemble",
    "timm",
    "torch",
)
CLIENT = """#!{python} -IS
import json, os, socket, sys
server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
server.connect({address!r})
request = json.dumps([{program!r}, sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
socket.send_fds(server, [request], [0, 1, 2])
sys.exit(int(server.recv(8) or 137))
"""


@cache
def warm_commands() -> Path:
    """Start the server of this process, with which it ends; return the folder of its commands, for the PATH."""
    folder = Path(tempfile.mkdtemp(prefix="warm-"))
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(str(folder / "socket"))
    listener.listen()
    for name in COMMANDS:
        program = str(Path(sys.executable).with_name(name))
        text = CLIENT.format(python=sys.executable, address=str(folder / "socket"), program=program)
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    handle = listener.fileno()
    subprocess.Popen([sys.executable, __file__, str(handle)], stdin=subprocess.PIPE, pass_fds=[handle])
    return folder


def serve(listener: socket.socket) -> str:
    """Serve until the standard input closes; return only in the process of each command, with its script."""
    while listener in select.select([listener, sys.stdin], [], [])[0]:
        client, _ = listener.accept()
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if os.fork() == 0:
            return start(client)
        client.close()
    shutil.rmtree(Path(listener.getsockname()).parent)
    raise SystemExit


def start(client: socket.socket) -> str:
    """Start the command that a client asks for; return in its process, and elsewhere send its exit status."""
    request, handles, *_ = socket.recv_fds(client, 1 << 20, 3)
    program, arguments, folder, environment = json.loads(request)
    if command := os.fork():
        status = os.waitstatus_to_exitcode(os.waitpid(command, 0)[1])
        client.send(str(status if status >= 0 else 128 - status).encode())
        os._exit(0)
    client.close()
    for target, handle in enumerate(handles):
        os.dup2(handle, target)
        os.close(handle)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.path[:0] = filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))
    sys.argv = [program, *arguments]
    return str(program)


def leave(status: list[int]) -> None:
    """End this process without the clean-up of the libraries' objects, which takes seconds."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status[-1])


if __name__ == "__main__":
    # Registered first, and so called after all other functions.
    ended = [1]
    atexit.register(leave, ended)
    del sys.path[0]
    from benchmark.tracking.connection import quieten

    quieten()
    for library in LIBRARIES:
        import_module(library)
    for module in [name for name in sys.modules if name.partition(".")[0] == "benchmark"]:
        del sys.modules[module]
    # The collector of a forked process would read, and so copy, every object of the libraries.
    gc.freeze()
    script = serve(socket.socket(fileno=int(sys.argv[1])))
    try:
        runpy.run_path(script, run_name="__main__")
        ended.append(0)
    except SystemExit as asked:
        ended.append(int(asked.code or 0))
