"""Typist: somebody at a terminal of the machine, in one shell of root's.

    with Typist(home) as typist:
        typist.type("eqpctl key set sandbox", [("Application ID: ", ID), ("not shown): ", SECRET)])

A command that fails raises, with what was on the screen.
"""

import os
import re
import select
import time

PROMPT = re.compile(r"\[\[(\d+)\]\] $")
LIMIT_SEC = 120


class Typist:
    def __init__(self, machine, directory="/root"):
        self.machine, self.directory = machine, directory

    def __enter__(self):
        self.process = self.machine.start("env", f"--chdir={self.directory}", "TERM=dumb", "HOME=/root", "script",
                                          "-qfec", "bash --norc --noprofile --noediting -i", "/dev/null")
        self._send("stty -echo; PS1='[[$?]] '; PS2=")
        self._read_until(PROMPT.search)
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()

    def _send(self, text):
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()

    def _read_until(self, found):
        """Reads until found(screen) is true; returns that and the screen."""
        screen, deadline = "", time.monotonic() + LIMIT_SEC
        pipe = self.process.stdout.fileno()
        while not (value := found(screen)):
            assert select.select([pipe], [], [], max(0, deadline - time.monotonic()))[0], f"it stands still:\n{screen}"
            data = os.read(pipe, 65536)
            assert data, f"the shell ended:\n{screen}"
            screen += data.decode(errors="replace").replace("\r\n", "\n")
        return value, screen

    def type(self, command, answers=(), code=0):
        """Types a command, and the answers to what it asks, (question, answer) each; returns what it printed. code: that
        it ends with."""
        shown = ""
        self._send(command)
        for question, answer in answers:
            asked, screen = self._read_until(lambda screen, question=question: question in screen and "asked"
                                             or PROMPT.search(screen))
            shown += screen
            assert asked == "asked", f"{question!r} was not asked by: {command}\n{shown}"
            self._send(answer)
        prompt, screen = self._read_until(PROMPT.search)
        shown += screen[:prompt.start()]
        assert int(prompt[1]) == code, f"exit code {prompt[1]} from: {command}\n{shown}"
        return shown
