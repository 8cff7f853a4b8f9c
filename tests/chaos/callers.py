"""Callers: hundreds of programs that ask, each in its own way, each seeded."""

import base64
import http.client
import json
import os
import random
import threading
import time

from broker import Answer
from recorder import EXCHANGE_TIMEOUT, Ask
from world import ENVIRONMENTS

BROKEN = (OSError, http.client.HTTPException, ValueError, AssertionError)
GIVE_UP = 60  # s without an answer
KINDS = {"token": 40, "text": 8, "head": 6, "min_ttl": 10, "rejected": 4, "unchanged": 10, "status": 4, "metrics": 3,
         "livez": 3, "readyz": 5, "nowhere": 2, "bad_query": 2}


class Caller(threading.Thread):
    def __init__(self, world, number, seed):
        super().__init__(daemon=True, name=f"caller {number}")
        self.world, self.random = world, random.Random(seed * 100003 + number)
        self.via = self.random.choice(("unix", "tcp"))
        self.keeps = self.random.random() < 0.5
        self.pause = self.random.choice((0.05, 0.5, 1, 2))
        self.connection, self.token, self.stop = None, None, threading.Event()

    def run(self):
        while not self.stop.wait(self.random.expovariate(1 / self.pause)):
            try:
                self.turn()
            except Exception as error:  # a mistake of ours must not go unnoticed
                self.world.recorder.fail("caller", f"{type(error).__name__}: {error}")
        self.hang_up()

    def hang_up(self):
        if self.connection:
            self.connection.close()
        self.connection = None

    def choose(self):
        """(Ask, method, path, headers, body)"""
        kind = self.random.choices(list(KINDS), list(KINDS.values()))[0]
        name = self.random.choice(list(ENVIRONMENTS))
        wait = self.random.choice((0, 0, 1, 2, 2, 5))
        path, headers = f"/v1/{name}/token", {"EQP-Client": f"chaos/{kind}"}
        if kind == "min_ttl":
            least = self.random.choice((1, 2, 5, 20, 100000))
            return Ask(kind, name, least, wait), "GET", f"{path}?min_ttl={least}&wait={wait}", headers, None
        if kind == "rejected" and self.token:
            ask = Ask(kind, self.token[0], ust=self.token[1])
            return ask, "POST", f"/v1/{ask.environment}/token/rejected", headers, json.dumps({"ust": ask.ust})
        if kind == "unchanged":
            headers = headers | {"Authorization": "Basic " + base64.b64encode(b"any:thing").decode(),
                       "Content-Type": "application/json"}
            ask = Ask(kind, name, wait=EXCHANGE_TIMEOUT)
            return ask, "POST", f"/{name}/rest/v1/app/session/token", headers, '{"grant_type":"session"}'
        if kind in ("text", "head"):
            headers["Accept"] = "text/plain" if kind == "text" else "application/json"
            return Ask(kind, name, 0, wait), "HEAD" if kind == "head" else "GET", f"{path}?wait={wait}", headers, None
        if kind in ("status", "metrics", "livez", "readyz"):
            return Ask(kind), "GET", f"/{'v1/' if kind == 'status' else ''}{kind}", headers, None
        if kind == "nowhere":
            return Ask(kind), "GET", "/v1/nowhere/token", headers, None
        if kind == "bad_query":
            return Ask(kind, name), "GET", f"{path}?wait=forever", headers, None
        return Ask("token", name, 0, wait), "GET", f"{path}?wait={wait}", headers, None

    def turn(self):
        ask, *request = self.choose()
        recorder = self.world.recorder
        was_kept = self.connection is not None
        t0 = recorder.clock.now()
        try:
            answer = self.ask(*request)
        except BROKEN as error:
            self.hang_up()
            # A kept one may have been closed while it was idle: the result on a new one counts.
            if not was_kept or isinstance(error, TimeoutError):
                recorder.no_answer(ask, t0, recorder.clock.now(), error)
            return
        t1 = recorder.clock.now()
        self.world.daemon._remember(answer)
        recorder.answer(ask, answer, t0, t1)
        if ask.kind == "token" and answer.status == 200:
            self.token = (ask.environment, json.loads(answer.body)["ust"])
        if not self.keeps or answer.headers.get("Connection", "").lower() == "close":
            self.hang_up()

    def ask(self, method, path, headers, body):
        if self.connection is None:
            context = self.world.daemon.connection(self.via, GIVE_UP)
            self.connection = Kept(context)
        return self.connection.ask(method, path, headers, body)


class Idler(threading.Thread):
    """A caller that asks nobody: its time for as many waits as a question has is not the daemon's. Two hundred
    threads share one interpreter, and on a busy machine each has to wait for its turn, for seconds in all."""

    WAITS = 16
    PAUSE = 0.05

    def __init__(self, recorder):
        super().__init__(daemon=True, name="idler")
        self.recorder, self.stop = recorder, threading.Event()

    def run(self):
        out, into = os.pipe()
        while not self.stop.wait(self.PAUSE):
            end = self.recorder.idle_turn(time.monotonic())
            for _ in range(self.WAITS // 2):
                os.write(into, b".")
                os.read(out, 1)
            end(time.monotonic())
        os.close(out)
        os.close(into)


class Kept:
    """A connection that is closed with the object."""

    def __init__(self, context):
        self.context, self.connection = context, context.__enter__()

    def ask(self, method, path, headers, body):
        self.connection.request(method, path, body, headers)
        response = self.connection.getresponse()
        return Answer(response.status, response.headers, response.read())

    def close(self):
        self.context.__exit__(None, None, None)
