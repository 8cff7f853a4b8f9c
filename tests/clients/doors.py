"""Doors: the ways from a program to the API.

A door is a context manager that takes a simulator, as at its start, and gives a Door: a program's settings, and where the
truth about its requests is to be found. DOORS lists those there are.
"""

import contextlib
import dataclasses
import hashlib
import pathlib

from broker import Broker
from simulator import EXAMPLE_ID, EXAMPLE_KEY, EXAMPLE_SECRET

ROOT = pathlib.Path(__file__).resolve().parents[2]


@dataclasses.dataclass(frozen=True)
class Door:
    simulator: object
    base_url: str
    application_id: str
    application_secret: str

    @property
    def environment(self):
        """For a program: its settings, and that its machine trusts the upstream, which some ask besides the door."""
        trusted = ("CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")
        return {"BASE_URL": self.base_url, "APPLICATION_ID": self.application_id, "APPLICATION_SECRET": self.application_secret,
                **{name: self.simulator.ca_file for name in trusted}}


@contextlib.contextmanager
def directly(simulator):
    yield Door(simulator, simulator.urls["sandbox"], EXAMPLE_ID, EXAMPLE_SECRET)


@contextlib.contextmanager
def with_local_key(simulator, environment, key, rest=""):
    """A broker, and what a program is told that has a local key."""
    identity, secret = "lk-replay-1", "vqs3cS6mUu2Xb8YpK0fjz9Q4hR7aLwTe"
    lines = f"{environment}[local replay]\nenvironment = sandbox\nid = {identity}\n" \
            f"secret_sha256 = {hashlib.sha256(secret.encode()).hexdigest()}\n{key}{rest}"
    with Broker(simulator, keys={"sandbox": EXAMPLE_KEY}, environments={"sandbox": lines}) as broker:
        broker.wait_valid()
        yield Door(simulator, f"http://127.0.0.1:{broker.port}/sandbox", identity, secret)


@contextlib.contextmanager
def by_the_gateway(simulator):
    """Its tokens are opaque: the program sees neither the access key nor a token of the upstream's."""
    with with_local_key(simulator, "gateway = yes\n", "allow = * /rest/v1/**\n", "[gateway sandbox]\nencoded_slash = yes\n") as door:
        yield door
        assert simulator.state("sandbox")["requests"]["token"] == 1, "one exchange, whatever the programs ask for"


def for_the_token_only(simulator):
    return with_local_key(simulator, "", "token = real\n")


DOORS = {"directly": directly, "by the gateway": by_the_gateway}
