#!/usr/bin/python3
"""A load of clients that never ask twice: every request has to be answered 200 at the first try.

    load.py [KIND=THREADS...]     fresh-tcp, fresh-unix: a connection for each request
                                  kept-tcp, kept-unix: one request after the other on a connection
                                  pool-tcp: as kept-tcp, with up to 1.5 s between requests

Says "running" when each thread has had an answer, and, when its input ends, what happened, as JSON: for each
kind how many were ok and how many failed and why, the worst time in ms, how often the server had closed a kept
connection *between* two requests (every client has to expect that and connects again), and the digests of the
tokens in the order of their appearance; in "failures" [sent, ended, why] by CLOCK_MONOTONIC.
Whether a connection still stands is looked at before a request is sent, and, as that takes a moment on a busy
machine, right after it as well: "crossed" counts those that were closed in this moment. They are of the closed ones.
A process for each kind, so that they do not wait for one another's interpreter.
"""

import hashlib
import json
import os
import random
import re
import select
import socket
import sys
import threading
import time

UNIX = "/run/eqp-broker/eqp-broker.sock"
TCP = ("127.0.0.1", 9377)
PATH = os.environ.get("LOAD_PATH", "/v1/sandbox/token")
FIELD = os.environ.get("LOAD_FIELD", "ust")  # of the answer, which is JSON: members that are the same for as long as nothing changes
PAUSE_SEC = float(os.environ.get("LOAD_PAUSE_SEC", "0"))
LIMIT_SEC = 30
DEFAULT = ("fresh-tcp=3", "fresh-unix=3", "kept-tcp=3", "kept-unix=3", "pool-tcp=8")
HEAD = re.compile(rb"HTTP/1\.1 (\d{3}) .*?\r\nContent-Length: (\d+)\r\n", re.S | re.I)


class Trouble(Exception):
    """Why a request failed. unsent: it did not even leave; received: bytes of the answer."""

    def __init__(self, why, unsent=False, received=0):
        super().__init__(why)
        self.unsent, self.received = unsent, received


class Client:
    """One connection after the other."""

    def __init__(self, over_unix, kept):
        self.over_unix, self.kept = over_unix, kept
        self.stream = None
        self.closed_between = self.crossed = 0
        host = "localhost" if over_unix else "127.0.0.1:9377"
        self.request = (f"GET {PATH} HTTP/1.1\r\nHost: {host}\r\nEQP-Client: load\r\n"
                        f"{'' if kept else 'Connection: close' + chr(13) + chr(10)}\r\n").encode()

    def close(self):
        if self.stream is not None:
            self.stream.close()
            self.stream = None

    def is_closed(self):
        """The other end's close has come, whatever may have come before it."""
        look = select.poll()
        look.register(self.stream, select.POLLRDHUP)
        return bool(look.poll(0))

    def connect(self):
        """Is it a kept one?"""
        if self.stream is not None and self.is_closed():
            self.closed_between += 1
            self.close()
        if self.stream is not None:
            return True
        self.stream = socket.socket(socket.AF_UNIX if self.over_unix else socket.AF_INET)
        self.stream.settimeout(LIMIT_SEC)
        try:
            self.stream.connect(UNIX if self.over_unix else TCP)
        except OSError as error:
            raise Trouble(f"connect: {error.strerror or error}") from None
        return False

    def send(self):
        try:
            self.stream.sendall(self.request)
        except OSError as error:
            raise Trouble(f"send: {error.strerror or error}", unsent=True) from None

    def receive(self):
        data = b""
        head = None
        while True:
            try:
                more = self.stream.recv(65536)
            except OSError as error:
                raise Trouble(f"after {len(data)} bytes: {error.strerror or error}", received=len(data)) from None
            if not more:
                raise Trouble(f"closed after {len(data)} bytes", received=len(data))
            data += more
            end = data.find(b"\r\n\r\n")
            if end < 0:
                continue
            head = head or HEAD.match(data[:end + 2])
            if head is None:
                raise Trouble("no HTTP")
            if len(data) >= end + 4 + int(head[2]):
                closes = b"\r\nconnection: close" in data[:end].lower()
                return int(head[1]), data[end + 4:], closes

    def ask(self):
        """The body of one answer; it is 200."""
        kept = crossed = False
        try:
            kept = self.connect()
            self.send()
            crossed = kept and self.is_closed()
            status, body, closes = self.receive()
        except Trouble as trouble:
            crossed = crossed or kept and trouble.unsent
            self.close()
            if not crossed or trouble.received:
                raise
            self.closed_between += 1
            self.crossed += 1
            return self.ask()
        if closes or not self.kept:
            self.close()
        if status != 200:
            raise Trouble(f"HTTP {status}: {body.decode(errors='replace')}")
        return body


class Worker(threading.Thread):
    def __init__(self, kind, ended):
        super().__init__(daemon=True)
        self.pause = 1.5 if kind.startswith("pool-") else PAUSE_SEC
        self.client = Client(kind.endswith("-unix"), not kind.startswith("fresh-"))
        self.ended, self.begun = ended, threading.Event()
        self.ok, self.worst, self.failures, self.tokens = 0, 0.0, [], {}

    def run(self):
        while not self.ended.is_set():
            sent = time.monotonic()
            try:
                token = json.loads(self.client.ask())[FIELD]
            except Trouble as trouble:
                self.failures.append([sent, time.monotonic(), str(trouble)])
                time.sleep(0.01)
            else:
                now = time.monotonic()
                self.ok += 1
                self.worst = max(self.worst, now - sent)
                self.tokens.setdefault(hashlib.sha256(token.encode()).hexdigest()[:16], now)
            self.begun.set()
            if self.pause:
                self.ended.wait(random.uniform(0, self.pause))


def play(kind, count, ready, asked_to_end):
    """One process: all workers of a kind, until its input ends. Returns what happened."""
    ended = threading.Event()
    workers = [Worker(kind, ended) for _ in range(count)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.begun.wait()
    os.write(ready, b".")
    asked_to_end()
    ended.set()
    for worker in workers:
        worker.join(LIMIT_SEC + 5)
    failures = sorted(failure for worker in workers for failure in worker.failures)
    reasons = {}
    for *_, why in failures:
        reasons[why] = reasons.get(why, 0) + 1
    tokens = {}
    for worker in workers:
        for token, when in worker.tokens.items():
            tokens[token] = min(when, tokens.get(token, when))
    return {"threads": count, "ok": sum(worker.ok for worker in workers), "failed": len(failures), "why": reasons,
            "worst_ms": round(1000 * max(worker.worst for worker in workers)),
            "closed_between": sum(worker.client.closed_between for worker in workers),
            "crossed": sum(worker.client.crossed for worker in workers),
            "tokens": sorted(tokens, key=tokens.get), "failures": failures[:1000]}


def main():
    kinds = [word.split("=") for word in sys.argv[1:] or DEFAULT]
    ready_out, ready_in = os.pipe()
    end_out, end_in = os.pipe()  # its end is the children's sign to end
    children = []
    for kind, count in kinds:
        answer_out, answer_in = os.pipe()
        if os.fork() == 0:
            os.close(end_in)
            result = play(kind, int(count), ready_in, lambda: os.read(end_out, 1))
            os.write(answer_in, json.dumps(result).encode())
            os._exit(0)
        os.close(answer_in)
        children.append((kind, answer_out))
    for _ in kinds:
        os.read(ready_out, 1)
    print("running", flush=True)
    sys.stdin.read()
    os.close(end_in)
    results = {}
    for kind, answer in children:
        with open(answer, "rb") as pipe:
            results[kind] = json.loads(pipe.read())
        os.wait()
    print(json.dumps(results), flush=True)


main()
