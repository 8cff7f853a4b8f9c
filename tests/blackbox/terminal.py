"""Terminal: runs a program on a terminal of its own, as a person at it would.

    with Terminal([EQPCTL, "key", "set", "sandbox"], env=...) as terminal:
        terminal.expect("Application ID: ")
        terminal.type("AQ17NZ49WC\\n")
        assert terminal.wait() == 0
        terminal.screen                       # all that was to be seen, what was typed with echo included
"""

import fcntl
import os
import pty
import select
import signal
import subprocess
import termios
import time


class Terminal:
    def __init__(self, command, *, env, timeout=60, **more):
        self.timeout = timeout
        self.screen = ""
        self.seen = 0  # expect() goes on from here
        self.master, slave = pty.openpty()
        self.slave = slave  # kept open: the terminal's state outlives the program

        def take_terminal():
            os.setsid()
            fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
            for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP):
                signal.signal(number, signal.SIG_DFL)

        self.process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=env,
                                        preexec_fn=take_terminal, **more)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)
        os.close(self.slave)

    def read(self, wait):
        """Reads what there is within so many seconds; False if nothing came."""
        if not select.select([self.master], [], [], wait)[0]:
            return False
        self.screen += os.read(self.master, 65536).decode(errors="replace").replace("\r\n", "\n")
        return True

    def expect(self, text):
        deadline = time.monotonic() + self.timeout
        while text not in self.screen[self.seen:]:
            assert time.monotonic() < deadline, f"{text!r} did not come: {self.screen!r}"
            self.read(0.1)
        self.seen = self.screen.index(text, self.seen) + len(text)

    def type(self, text):
        os.write(self.master, text.encode())

    def echoes(self):
        return bool(termios.tcgetattr(self.slave)[3] & termios.ECHO)

    def wait_echo(self, wanted):
        deadline = time.monotonic() + self.timeout
        while self.echoes() != wanted:
            assert time.monotonic() < deadline, f"the echo is {'off' if wanted else 'on'}: {self.screen!r}"
            self.read(0.01)

    def wait_stopped(self):
        """Waits until the program was stopped by a signal."""
        deadline = time.monotonic() + self.timeout
        while open(f"/proc/{self.process.pid}/stat").read().rpartition(")")[2].split()[0] != "T":
            assert time.monotonic() < deadline, self.screen
            self.read(0.01)

    def wait(self):
        """The exit code, after all that was written was read."""
        deadline = time.monotonic() + self.timeout
        while self.process.poll() is None:
            assert time.monotonic() < deadline, self.screen
            self.read(0.05)
        while self.read(0):
            pass
        return self.process.returncode
