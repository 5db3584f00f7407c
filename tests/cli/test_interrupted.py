"""Does Ctrl-C end a command quietly, whenever it comes?"""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

SLOW = """\
import sys
print("loading", flush=True)
sys.stdin.readline()
sys.path.remove({folder!r})
del sys.modules["typer"]
import typer
sys.modules["typer"] = typer
"""


@contextmanager
def loading(folder: Path, *, ignored: bool = False) -> Iterator[subprocess.Popen[str]]:
    """`hedgebot version` in the middle of its imports, which go on once it is told a line."""
    (folder / "typer.py").write_text(SLOW.format(folder=str(folder)), "utf-8")
    start = f"""\
import signal, sys
signal.signal(signal.SIGINT, signal.{"SIG_IGN" if ignored else "default_int_handler"})
sys.path.insert(0, {str(folder)!r})
sys.argv = ["hedgebot", "version"]
from bot.__main__ import main
main()
"""
    command = [sys.executable, "-c", start]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "loading\n"
            yield process
        finally:
            process.kill()


def test_an_interrupt_while_the_program_loads_ends_it_without_a_word(tmp_path: Path) -> None:
    with loading(tmp_path) as process:
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=60) == ("", "")
        assert process.returncode == 130


@pytest.mark.parametrize("ignored", [False, True])
def test_what_is_not_interrupted_goes_on_and_so_does_what_ignores_it(tmp_path: Path, ignored: bool) -> None:
    with loading(tmp_path, ignored=ignored) as process:
        if ignored:
            process.send_signal(signal.SIGINT)
        said, wrong = process.communicate("\n", timeout=60)
        assert (process.returncode, wrong) == (0, "")
        assert said.startswith("hedgebot ")
