#!/usr/bin/env python3
"""The form of shared sessions, written down a second time: HKDF and names by Python's own hmac, AES-256-GCM by
the library cryptography. Its results stand in share_vectors.h, which the unit tests compare with.

    share_vectors.py FILE            writes them
    share_vectors.py --check FILE    is FILE what it would write? Ends with 77 where there is no cryptography.
"""
import hashlib
import hmac
import pathlib
import sys

try:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
except ImportError:
    print("share_vectors: the library cryptography is not installed (python3-cryptography)")
    sys.exit(77)

SALT = bytes(range(0xa0, 0xc0))
CASES = (  # application ID, application secret, base URL, secret of the fleet
    ("app-1", "0123456789abcdef" * 2, "https://commercedeveloper-api.adobe.com", b""),
    ("app-1", "0123456789abcdef" * 2, "https://commercedeveloper-sandbox-api.adobe.com", b""),
    ("app-1", "0123456789abcdef" * 2, "https://commercedeveloper-api.adobe.com", b"\x00\xff of the fleet"),
    ("a", "~" * 1024, "http://127.0.0.1:8080", b"f" * 1024),
)
SESSIONS = (  # issued_wall_usec, lifetime_sec, ust, mage_id; one for each case
    (1796000000123456, 7200, "tok-1", "MAG000000001"),
    (0, 1, "u", "m"),
    (253402300799000000, 2592000, "x" * 485, "MAG000000001"),  # just 512 bytes
    (1796000000123456, 7200, "t" * 4096, "M" * 64),
)
COOL_DOWN = 1796000060000000

HEAD = """\
/* Written by share_vectors.py, which says of what these are the results. */
#pragma once

#include <stddef.h>

struct share_vector {
        const char *name;
        size_t size; /* of the sealed session */
        const char *session_sha256;
        const char *cool_down_sha256;
};

static const struct share_vector vectors[] = {
"""


def digest(key, text):
    return hmac.new(key, text, hashlib.sha256).digest()


def expand(key, info, size):
    done, block = b"", b""
    for number in range(1, 3):
        block = digest(key, block + info + bytes((number,)))
        done += block
    return done[:size]


def seal(key, name, text):
    text += bytes(-len(text) % 512)
    one = digest(SALT, key)
    sealed = AESGCM(expand(one, b"key", 32)).encrypt(expand(one, b"nonce", 12), text, name.encode())
    return b"\x01" + SALT + sealed


def rows():
    for (app_id, secret, base_url, fleet), (issued, lifetime, ust, mage_id) in zip(CASES, SESSIONS):
        extracted = digest(b"eqp-broker share v1", secret.encode())
        keys = {use: expand(extracted, b"\x00".join((use.encode(), base_url.encode(), fleet)), 32)
                for use in ("name", "session", "cool-down")}
        name = "eqp1:{" + digest(keys["name"], app_id.encode()).hex()[:32] + "}"
        text = issued.to_bytes(8, "big") + lifetime.to_bytes(4, "big") + len(ust).to_bytes(2, "big") + bytes((len(mage_id),))
        value = seal(keys["session"], name, text + ust.encode() + mage_id.encode())
        cooling = seal(keys["cool-down"], name + ":l", COOL_DOWN.to_bytes(8, "big"))
        yield f"""        {{
                "{name}",
                {len(value)},
                "{hashlib.sha256(value).hexdigest()}",
                "{hashlib.sha256(cooling).hexdigest()}",
        }},
"""


def header():
    return HEAD + "".join(rows()) + "};\n"


def main():
    path = pathlib.Path(sys.argv[-1])
    if sys.argv[1] != "--check":
        path.write_text(header())
    elif path.read_text() != header():
        sys.exit(f"share_vectors: {path.name} is not what this script writes")


main()
