"""A proxy before a store, for tests: it sees what is asked, and lies as it is told to.

    with LyingProxy(store) as proxy:
        proxy.url                                   # redis://localhost:PORT
        proxy.change = lambda command, reply: ...   # another reply to this command: [b"GET", b"name"]
        proxy.wire = lambda data: ...               # other bytes for a whole reply; Hang, Close and Flood are raised
        proxy.commands                              # all that was asked

In a transaction each reply of EXEC is changed by itself, with the command that it belongs to.
"""

import contextlib
import queue
import socket
import threading

from resp import Ended, Reader, encode


class Close(Exception):
    """Sends what it was given, and ends the connection."""


class Hang(Exception):
    """Sends nothing more, and keeps the connection open."""


class Flood(Exception):
    """Sends what it was given, again and again, until the other end closes."""


def honest(_command, reply):
    return reply


class LyingProxy:
    def __init__(self, store):
        self.store = store
        self.change, self.wire = honest, bytes
        self.commands, self.n_connections = [], 0
        self.ended = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"redis://localhost:{self.listener.getsockname()[1]}"

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.listener.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                self.n_connections += 1
                threading.Thread(target=self._converse, args=(client,), daemon=True).start()

    def _converse(self, client):
        with contextlib.suppress(OSError, Ended), client, socket.socket(socket.AF_UNIX) as server:
            server.connect(str(self.store.socket_path))
            asked = queue.Queue()
            replies = threading.Thread(target=self._reply, args=(client, server, asked), daemon=True)
            replies.start()
            try:
                reader = Reader(client)
                while True:
                    command = reader.read()
                    self.commands.append(command)
                    asked.put(command)
                    server.sendall(encode(command))
            finally:
                with contextlib.suppress(OSError):
                    server.shutdown(socket.SHUT_RDWR)

    def _reply(self, client, server, asked):
        reader, waiting = Reader(server), None
        with contextlib.suppress(OSError, Ended):
            while True:
                reply = reader.read()
                command = asked.get()
                word = command[0].upper()
                if word == b"EXEC" and isinstance(reply, list):
                    reply = [self.change(*pair) for pair in zip(waiting, reply)]
                elif waiting is None or word == b"EXEC" or reply != "QUEUED":
                    reply = self.change(command, reply)
                else:
                    waiting.append(command)
                waiting = [] if word == b"MULTI" else None if word == b"EXEC" else waiting
                try:
                    client.sendall(self.wire(encode(reply)))
                except Close as close:
                    client.sendall(b"".join(close.args))
                    client.shutdown(socket.SHUT_RDWR)
                    return
                except Hang:
                    self.ended.wait()
                    return
                except Flood as flood:
                    while not self.ended.is_set():
                        client.sendall(b"".join(flood.args))


# lies


def with_value(value):
    """The session that is found is this one. The lease's name is left alone."""
    def change(command, reply):
        is_session = command[0].upper() == b"GET" and not command[1].endswith(b":l")
        return value if is_session else reply
    return change


def with_clock(seconds):
    """The store's clock goes so much ahead."""
    def change(command, reply):
        if command[0].upper() == b"TIME" and isinstance(reply, list):
            return [b"%d" % (int(reply[0]) + seconds), reply[1]]
        return reply
    return change


def instead(make):
    """Each reply is made by make(reply)."""
    def change(_command, reply):
        return make(reply)
    return change


def cut(data):
    """The first half of a transaction's replies, and the end."""
    if data[:1] == b"*":
        raise Close(data[:len(data) // 2])
    return data


def silent(_data):
    raise Hang


def flooding(_data):
    raise Flood(b"*1\r\n" + b"$1048576\r\n" + b"x" * 65536)
