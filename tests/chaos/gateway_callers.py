"""Gateway callers: programs whose requests are passed on, by their uid or with a local key and its opaque token."""

import hashlib
import json
import uuid

from callers import BROKEN, Caller, Kept
from downloads import BASE
from gateway_recorder import HEADER, LONGEST, Call
from world import ENVIRONMENTS

KINDS = {"get": 30, "post": 25, "put": 8, "delete": 4, "head": 8, "download": 8, "refused": 6}
SIZES = (0, 1, 300, 16384, 16385, 65536, 65537, 200000, 1 << 20)
REFUSED = (("PATCH", "", "{}"), ("GET", "denied/", "{}"), ("GET", "", "a//{}"), ("GET", "DENIED/", "{}"),
           ("POST", "a/../", "{}"))
PIECE = 5000


class GatewayCaller(Caller):
    def __init__(self, world, number, seed):
        super().__init__(world, number, seed + 1)
        self.pause = self.random.choice((0.3, 1, 2))
        self.gateway = world.recorder.gateway
        self.by_key = self.random.random() < 0.7
        self.opaque, self.old = {}, {}  # by environment: (token, issue)

    def turn(self):
        name = self.random.choice(list(ENVIRONMENTS))
        if self.by_key and (name not in self.opaque or self.random.random() < 0.05):
            self.fetch(name)
        if not self.by_key or name in self.opaque:
            self.pass_on(name)

    def fetch(self, name):
        key, issue = self.world.local_key(name)
        call = Call("", "session", name, "POST", key=name, issue=issue)
        headers = key.basic | {"Content-Type": "application/json"}
        self.hang_up()
        via, self.via = self.via, "tcp"  # on the unix socket, a key that was removed is a name, and the uid counts
        t0, answer, error = self.try_to("POST", f"/{name}/rest/v1/app/session/token", headers,
                                        json.dumps({"grant_type": "session", "expires_in": 7200}))
        t1, self.via = self.world.recorder.clock.now(), via
        self.hang_up()
        if answer is not None:
            token = self.gateway.opaque(call, answer, t0, t1)
            self.opaque.pop(name, None)
            if token:
                self.world.daemon.keep_secret(token)
                self.opaque[name] = (token, issue)
        elif error is not None:
            self.gateway.no_answer(call, t0, t1, error)

    def choose_call(self, name):
        """(Call, headers, body)"""
        kind = self.random.choices(list(KINDS), list(KINDS.values()))[0]
        number = uuid.UUID(int=self.random.getrandbits(128)).hex
        method, before, last = {"get": "GET", "download": "GET"}.get(kind, kind.upper()), "", "{}"
        if kind == "download":
            before = self.random.choice(("text/", "long/", "pieces/"))
        elif kind == "refused":
            method, before, last = self.random.choice(REFUSED)
        body = self.random.randbytes(self.random.choice(SIZES)) if kind in ("post", "put") else b""
        query = self.random.choice(("", "", "a=+b%2F&c"))
        tokens = self.old if self.old.get(name) and self.random.random() < 0.1 else self.opaque
        token, issue = tokens.get(name, (None, 0))
        call = Call(number, kind, name, method, BASE + before + last.format(number), query, len(body),
                    hashlib.sha256(body).hexdigest(), name if self.by_key else None, issue, token)
        headers = {HEADER[0]: HEADER[1], "Cookie": "a=b"}
        headers |= {"Authorization": f"Bearer {token}"} if self.by_key else {"EQP-Client": "chaos/gateway"}
        if kind not in ("post", "put"):
            return call, headers, None
        headers["Content-Type"] = "application/octet-stream"
        if self.random.random() < 0.3:  # in chunks
            return call, headers, (body[at:at + PIECE] for at in range(0, len(body), PIECE))
        return call, headers, body

    def pass_on(self, name):
        call, headers, body = self.choose_call(name)
        path = f"/{name}{call.path}" + (f"?{call.query}" if call.query else "")
        self.gateway.begin(call, self.world.recorder.clock.now())
        t0, answer, error = self.try_to(call.method, path, headers, body)
        t1 = self.world.recorder.clock.now()
        if answer is not None:
            self.gateway.answer(call, answer, t0, t1)
            if answer.status == 401 and self.by_key:
                self.old[name] = self.opaque.pop(name, None) or self.old.get(name)
        elif error is not None:
            self.gateway.no_answer(call, t0, t1, error)
        else:
            self.gateway.forget(call, t1)

    def try_to(self, *request):
        """(when, answer or None, error or None); neither where a kept connection had been closed."""
        was_kept = self.connection is not None
        t0 = self.world.recorder.clock.now()
        try:
            answer = self.ask(*request)
        except BROKEN as error:
            self.hang_up()
            return t0, None, error if not was_kept or isinstance(error, TimeoutError) else None
        if not self.keeps or answer.headers.get("Connection", "").lower() == "close":
            self.hang_up()
        return t0, answer, None

    def ask(self, method, path, headers, body):
        if self.connection is None:
            self.connection = Kept(self.world.daemon.connection(self.via, LONGEST + 30))
        return self.connection.ask(method, path, headers, body)
