"""A service manager as far as eqp-brokerd can see it: it is told things, and keeps descriptors from one process to
the next.

    with Manager() as manager:
        broker = make_broker(..., env=manager.env)
        manager.hear()                     # takes in what was said
        manager.said, manager.store        # messages; {name: descriptor}
        manager.restart(broker)            # kill -9, and a new process that gets what is in the store
"""

import array
import contextlib
import fcntl
import json
import os
import select
import signal
import socket
import threading
import uuid

from broker import wait_until

# Constants that Python's fcntl does not name.
F_ADD_SEALS, F_GET_SEALS = 1033, 1034
SEAL_SEAL, SEAL_SHRINK, SEAL_GROW, SEAL_WRITE = 1, 2, 4, 8
ALL_SEALS = SEAL_SEAL | SEAL_SHRINK | SEAL_GROW | SEAL_WRITE


class Held:
    """A descriptor, in the way in which Broker.passed wants it."""

    def __init__(self, fd):
        self.fd = fd

    def fileno(self):
        return self.fd

    def read(self):
        return os.pread(self.fd, 1 << 20, 0)

    def seals(self):
        return fcntl.fcntl(self.fd, F_GET_SEALS)

    def close(self):
        if self.fd >= 0:
            os.close(self.fd)
        self.fd = -1


def sealed(data, seals=ALL_SEALS):
    """A snapshot with any content."""
    held = Held(os.memfd_create("test", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING))
    os.write(held.fd, data)
    fcntl.fcntl(held.fd, F_ADD_SEALS, seals)
    return held


def compact(text):
    """As the daemon writes it."""
    return json.dumps(text, separators=(",", ":")).encode()


class Manager:
    def __init__(self):
        self.said, self.store = [], {}
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        name = f"eqp-test-{uuid.uuid4().hex}"
        self.listener.bind(f"\0{name}")  # in no directory, so that every user reaches it
        self.listener.setblocking(False)
        self.env = {"NOTIFY_SOCKET": f"@{name}", "EQP_BROKER_BOOT_ID": uuid.uuid4().hex}
        # A manager that does not listen holds up who speaks to it: a queue of datagrams is short.
        self.lock, self.closing = threading.Lock(), threading.Event()
        self.thread = threading.Thread(target=self._listen)
        self.thread.start()

    def _listen(self):
        while not self.closing.is_set():
            if select.select([self.listener], [], [], 0.05)[0]:
                self.hear()

    def close(self):
        self.closing.set()
        self.thread.join()
        self.listener.close()
        for held in self.store.values():
            held.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def hear(self):
        """Takes in all that was said, in order. Returns the manager."""
        with self.lock, contextlib.suppress(BlockingIOError):
            while True:
                data, ancillary, _, _ = self.listener.recvmsg(4096, socket.CMSG_SPACE(4 * 16))
                fds = array.array("i")
                for level, kind, value in ancillary:
                    if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                        fds.frombytes(value)
                self._take(data.decode(), list(fds))
        return self

    def _take(self, message, fds):
        self.said.append(message)
        fields = dict(line.split("=", 1) for line in message.splitlines())
        if fields.get("FDSTORE") == "1":
            assert len(fds) == 1 and fields["FDNAME"] not in self.store, message
            self.store[fields["FDNAME"]] = Held(fds.pop())
        if fields.get("FDSTOREREMOVE") == "1":
            self.store.pop(fields["FDNAME"]).close()
        assert not fds, message

    def series(self, name):
        """The store's texts of "sessions" or "knowledge"."""
        self.hear()
        with self.lock:
            return {held_as: held for held_as, held in self.store.items() if held_as.startswith(name)}

    def kept(self, series="sessions"):
        """The one snapshot of these in the store, as JSON. A newer one is there a moment before the older one goes."""
        def only_one():
            self.hear()
            with self.lock:  # the listener closes what has been replaced
                found = [(name, held.read()) for name, held in self.store.items() if name.startswith(series)]
            return found if len(found) == 1 else None
        (name, data), = wait_until(only_one, "one snapshot")
        text = json.loads(data)
        assert name == f"{series}-{text['number']}"
        return text

    def known(self, name=None):
        """The kept knowledge of keys, accounts and budgets; name: of this environment, None if there is nothing."""
        text = self.kept("knowledge")
        return text if name is None else next((known for known in text["environments"] if known["name"] == name), None)

    def forget(self, series):
        for name, held in self.series(series).items():
            held.close()
            del self.store[name]

    def replace(self, text, series="sessions"):
        """Another text in the place of what is kept."""
        self.forget(series)
        self.store[f"{series}-{text['number']}"] = sealed(compact(text))

    def restart_aged(self, broker, seconds):
        """A restart, and for the next process all that was kept happened so much earlier. Returns the broker."""
        # A token is shown to callers a moment before it is kept.
        wait_until(lambda: all("session" in environment for environment in self.kept()["environments"]), "each token is kept")
        self.end(broker)
        text = self.kept()
        for environment in text["environments"]:
            environment["sent_usec"] = [moment - seconds * 10**6 for moment in environment["sent_usec"]]
            for moment in ("sent_usec", "refresh_point_usec"):
                environment["session"][moment] -= seconds * 10**6
        self.replace(text)
        text = self.known()
        for environment in text["environments"]:
            environment["sent"] = [[moment - seconds * 10**6, share] for moment, share in environment["sent"]]
            for key in environment["keys"]:
                key["seen_usec"] -= seconds * 10**6
        for key in text["ledger"]["keys"]:
            key["sent"] = [[moment - seconds * 10**6, share] for moment, share in key["sent"]]
        self.replace(text, "knowledge")
        return self.begin(broker)

    def pushes(self):
        """How many descriptors were handed over so far."""
        return sum(message.startswith("FDSTORE=1") for message in self.hear().said)

    def end(self, broker, number=signal.SIGKILL):
        """Ends the process, and takes in what it said last."""
        broker.send(number)
        broker.process.wait(60)
        self.hear()

    def begin(self, broker):
        """Starts the next process, with what is in the store."""
        pattern = "eqp-brokerd .* started"
        n = len(broker.log(pattern))
        broker.passed = list(self.store.items())
        broker.start(wait=False)
        broker.wait_log(pattern, n + 1)
        return broker

    def restart(self, broker, number=signal.SIGKILL):
        self.end(broker, number)
        return self.begin(broker)
