"""How does a process behave that works for another one? Deaf to Ctrl-C, which its parent hears, and gone when its parent is."""

import os
import signal
import threading
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context, parent_process
from multiprocessing.process import BaseProcess


def helpers(count: int) -> ProcessPoolExecutor:
    """So many processes of this program, each from its start: none inherits a thread, a lock or a connection."""
    return ProcessPoolExecutor(count, mp_context=get_context("spawn"), initializer=serve)


def cores() -> int:
    """That this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def serve() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    follow_parent()


def follow_parent() -> None:
    """End when the parent does: a process whose parent was killed would wait for ever."""
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=end_with, args=(parent,), daemon=True).start()


def end_with(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)
