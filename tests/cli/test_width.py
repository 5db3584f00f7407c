"""Can every figure be read on a narrow terminal, and does the live view end when it is told to?"""

import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from contextlib import suppress
from fcntl import ioctl

import pytest

from tests.cli.desk import COLOUR, SCRIPT, Desk

FIGURE = re.compile(r"\d[\d,.]{3,}")


@pytest.mark.parametrize("width", [40, 60, 77, 78, 80, 200])
@pytest.mark.parametrize("command", ["status", "plan", "orders", "fills"])
def test_no_figure_is_cut_whatever_the_width(aligned: Desk, command: str, width: int) -> None:
    wide = aligned.hb(command, env={"COLUMNS": "400"}).out
    shown = aligned.hb(command, env={"COLUMNS": str(width)}).out
    assert "…" not in shown
    assert max(len(line) for line in shown.splitlines()) <= width
    if command != "plan":  # a plan is made anew each time
        assert set(FIGURE.findall(wide)) <= set(FIGURE.findall(shown))


def test_a_table_that_fits_stays_a_table(aligned: Desk) -> None:
    assert " asset  target  actual" in aligned.hb("status", env={"COLUMNS": "80"}).out
    assert "  actual " in aligned.hb("status", env={"COLUMNS": "60"}).out


def test_watching_goes_on_where_whoever_began_it_has_ctrl_c_ignored(aligned: Desk) -> None:
    command = ["sh", "-c", f"trap '' INT; exec {SCRIPT} status --watch --json"]
    with subprocess.Popen(command, cwd=aligned.folder, env=aligned.environment(), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for _ in range(2):
            assert '"state"' in process.stdout.readline()
            process.send_signal(signal.SIGINT)
        assert '"state"' in process.stdout.readline()
        process.kill()


def test_the_live_view_draws_on_a_narrow_terminal_and_ctrl_c_ends_it(aligned: Desk) -> None:
    ours, theirs = pty.openpty()
    ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 60, 0, 0))
    environment = {name: value for name, value in aligned.environment().items() if name not in ("COLUMNS", "LINES")}
    process = subprocess.Popen(
        [SCRIPT, "status", "--watch"], cwd=aligned.folder, env={**environment, "TERM": "xterm"}, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    text, deadline = "", time.monotonic() + 30
    while text.count("as of") < 2 and time.monotonic() < deadline:
        if select.select([ours], [], [], 0.2)[0]:
            text += COLOUR.sub("", os.read(ours, 65_536).decode("utf-8", "replace"))
    assert text.count("as of") >= 2, text
    for said in ("BTC", "leverage", "liquidated at", "open orders: 0", "band 99.5 to 100.5 %"):
        assert said in text
    process.send_signal(signal.SIGINT)
    while process.poll() is None and time.monotonic() < deadline:  # its last words wait to be read
        if select.select([ours], [], [], 0.2)[0]:
            with suppress(OSError):  # nobody writes there any more
                text += os.read(ours, 65_536).decode("utf-8", "replace")
    assert process.wait(10) == 0
    os.close(ours)
    assert "Traceback" not in text
