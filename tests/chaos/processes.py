"""Processes: signals to them, and the letter of ps."""

import os
import pathlib


def signal_to(pid, number):
    """Whether there was somebody to get it."""
    try:
        os.kill(pid, number)
        return True
    except ProcessLookupError:
        return False


def state_of(pid):
    """The letter of ps, None if there is no such process."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return None
