"""Another host with the same access key, for tests: it seals whatever it is told to, as doc/internals says that it is done.

    fellow = Fellow(store, key="ID:SECRET", base_url=upstream.urls["sandbox"])
    fellow.publish(ust="aToken", mage_id="MAG123456789", lifetime=7200)     # issued now, unless it says another time
    fellow.cool_down(until=time.time() + 60)
"""

import hashlib
import hmac
import os
import time

import pytest


def digest(key, text):
    return hmac.new(key, text, hashlib.sha256).digest()


def expand(key, info, size):
    done, block, number = b"", b"", 0
    while len(done) < size:
        number += 1
        block = digest(key, block + info + bytes([number]))
        done += block
    return done[:size]


def number(value, size):
    return int(value).to_bytes(size, "big")


class Fellow:
    def __init__(self, store, key, base_url, fleet_secret=b""):
        self.aead = pytest.importorskip("cryptography.hazmat.primitives.ciphers.aead",
                                        reason="SHARING NOT TESTED with a fellow host: install python3-cryptography").AESGCM
        self.store = store
        app_id, secret = key.split(":")
        extracted = digest(b"eqp-broker share v1", secret.encode())
        self.keys = {use: expand(extracted, b"\0".join((use.encode(), base_url.encode(), fleet_secret)), 32)
                     for use in ("name", "session", "cool-down")}
        self.name = "eqp1:{" + digest(self.keys["name"], app_id.encode())[:16].hex() + "}"

    def seal(self, use, name, text):
        salt = os.urandom(32)
        one = digest(salt, self.keys[use])
        aead = self.aead(expand(one, b"key", 32))
        return b"\1" + salt + aead.encrypt(expand(one, b"nonce", 12), text, name.encode())

    def publish(self, ust, mage_id="MAG123456789", lifetime=7200, issued=None, left=7000, padding=None):
        """issued: Unix time. left: seconds that the store keeps it. padding: in place of zeros."""
        ust, mage_id = (text if isinstance(text, bytes) else text.encode() for text in (ust, mage_id))
        issued = time.time() if issued is None else issued
        text = number(issued * 1e6, 8) + number(lifetime, 4) + number(len(ust), 2) + number(len(mage_id), 1) + ust + mage_id
        text += bytes(-len(text) % 512) if padding is None else padding
        self.store.call("SET", self.name, self.seal("session", self.name, text), "PX", str(int(left * 1000)))

    def cool_down(self, until, left=100):
        text = number(until * 1e6, 8)
        value = self.seal("cool-down", f"{self.name}:l", text + bytes(-len(text) % 512))
        self.store.call("SET", f"{self.name}:l", value, "PX", str(int(left * 1000)))
