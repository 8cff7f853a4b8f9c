"""Doors: what stands between a program and the API.

A door is a context manager that takes a simulator, as at its start, and gives a Door: what a program is told, and where the
truth about its requests is to be found. DOORS lists those there are.
"""

import contextlib
import dataclasses
import pathlib

from simulator import EXAMPLE_ID, EXAMPLE_SECRET

ROOT = pathlib.Path(__file__).resolve().parents[2]


@dataclasses.dataclass(frozen=True)
class Door:
    simulator: object
    base_url: str
    application_id: str
    application_secret: str

    @property
    def environment(self):
        """For a program: what it is told, and that its machine trusts the upstream, which some ask besides the door."""
        trusted = ("CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")
        return {"BASE_URL": self.base_url, "APPLICATION_ID": self.application_id, "APPLICATION_SECRET": self.application_secret,
                **{name: self.simulator.ca_file for name in trusted}}


@contextlib.contextmanager
def directly(simulator):
    yield Door(simulator, simulator.urls["sandbox"], EXAMPLE_ID, EXAMPLE_SECRET)


DOORS = {"directly": directly}
