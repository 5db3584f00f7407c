"""A process that has the commands loaded and forks one child for each: real processes and exit codes without their imports.

Run as `python -m tests.cli.forks [MODULE…]`; loads those modules too, takes one JSON request a line on stdin and answers with the exit
code on stdout.
"""

import json
import os
import resource
import subprocess
import sys
from typing import Any, NoReturn

import bot.cli

LOADED = ("audit", "call", "config", "demo", "exit", "operate", "read", "replay", "run", "setup", "show")


class Forks:
    """The other end: what a test asks for."""

    def __init__(self, *modules: str) -> None:
        command = [sys.executable, "-m", __name__, *modules]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, request: dict[str, Any]) -> int:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def close(self) -> None:
        self.process.communicate("")


def child(request: dict[str, Any]) -> NoReturn:
    """Becomes `hedgebot ARGS` in the folder, with the environment and the streams asked for."""
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["env"])
    for number, name in ((0, os.devnull), (1, request["out"]), (2, request["err"])):
        os.dup2(os.open(name, os.O_RDWR | os.O_CREAT), number)
    if request["largest_file"] is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (request["largest_file"], request["largest_file"]))
        sys.dont_write_bytecode = True  # Python takes what fitted of a compiled module for the whole of it
    sys.argv = ["hedgebot", *request["args"]]
    code: object = 0
    try:
        bot.cli.main()
    except SystemExit as left:
        code = left.code
    except BaseException:
        sys.excepthook(*sys.exc_info())
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else 1)


def serve() -> None:
    for name in (*(f"bot.cli_{name}" for name in LOADED), *sys.argv[1:]):
        __import__(name)
    for line in sys.stdin:
        request = json.loads(line)
        pid = os.fork()
        if pid == 0:
            child(request)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve()
