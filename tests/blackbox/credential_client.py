"""The service manager's part in LoadCredential=NAME:SOCKET, as systemd plays it.

It connects from an abstract address that names the unit, says that it will send nothing, and reads until the
end. Of more than 1 MiB it makes no credential, and the unit does not start.
"""

import contextlib
import secrets
import socket

MIB = 1024 * 1024


def address(unit, credential):
    return f"\0{secrets.token_hex(8)}/unit/{unit}/{credential}"


def ask(source, name, timeout=60):
    """Connects as the manager does. name: of the own socket; None: it has none."""
    stream = socket.socket(socket.AF_UNIX)
    stream.settimeout(timeout)
    if name is not None:
        stream.bind(name)
    stream.connect(source.getsockname())
    stream.shutdown(socket.SHUT_WR)
    return stream


def read_all(stream):
    received = b""
    with stream, contextlib.suppress(ConnectionResetError):
        while more := stream.recv(65536):
            received += more
    return received


def load(source, unit="deploy.service", credential="eqp", timeout=60):
    """The content of the credential, or None where the unit would not start."""
    content = read_all(ask(source, address(unit, credential), timeout))
    assert content, "an empty file, with which the unit would start"
    return content if len(content) <= MIB else None
