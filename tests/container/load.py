"""Load: threads that ask for the token as fast as they get it, each on connections of its own."""

import threading
from http.client import HTTPException


class Load:
    """With a pod: while the block runs, `threads` clients ask. Then `answered` and `failed` say how it went, and
    `tokens` which tokens were seen."""

    def __init__(self, pod, threads=4, requests_per_connection=50):
        self.pod, self.per_connection = pod, requests_per_connection
        self.answered, self.failed, self.tokens = 0, [], set()
        self._end, self._lock = threading.Event(), threading.Lock()
        self._threads = [threading.Thread(target=self._ask) for _ in range(threads)]

    def _ask(self):
        while not self._end.is_set():
            try:
                with self.pod.connection() as connection:
                    for _ in range(self.per_connection):
                        answer = connection.ask("GET", "/v1/sandbox/token", {"EQP-Client": "load"})
                        self._note(answer)
            except (OSError, HTTPException, AssertionError) as error:
                with self._lock:
                    self.failed.append(repr(error))

    def _note(self, answer):
        with self._lock:
            if answer.status == 200:
                self.answered += 1
                self.tokens.add(answer.json()["ust"])
            else:
                self.failed.append(repr(answer))

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        for thread in self._threads:
            thread.join()
