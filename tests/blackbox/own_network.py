"""A network of the daemon's own, with name servers and an upstream in it.

    settings = lay_out(tmp_path, monkeypatch, name_servers=["127.0.0.1", "127.0.0.2"],
                       addresses=["127.0.0.3"], silent=["127.0.0.1"])

From then on EQP_BUILD_DIR names a build whose daemon runs there; it ends with "77: " and a reason where there can be
no such network. settings: those of an environment whose upstream is there. A name server knows every name by these
addresses; on each of them an upstream listens, unless it is a refusing one. A silent server is there, and answers
nobody; the resolver has so many seconds of patience with it."""

import ctypes
import fcntl
import json
import os
import pathlib
import signal
import socket
import struct
import sys
import threading

from authorities import Authority, Upstream

NAME = "upstream.example.org"

# Becomes the daemon. Its neighbours are a child, which goes when it goes.
WRAPPER = """#!/usr/bin/python3
import sys
sys.path.insert(0, {here!r})
import own_network
own_network.move_in({plan!r})
"""


def lay_out(directory, monkeypatch, *, name_servers, addresses=(), silent=(), refusing=(), patience=5):
    build = pathlib.Path(os.environ["EQP_BUILD_DIR"]).resolve()
    conf = directory / "resolv.conf"
    conf.write_text("".join(f"nameserver {address}\n" for address in name_servers) + f"options timeout:{patience}\n")
    authority = Authority(directory, "company")
    plan = {"conf": str(conf), "daemon": str(build / "daemon" / "eqp-brokerd"), "name_servers": name_servers,
            "addresses": list(addresses), "silent": list(silent), "refusing": list(refusing),
            "certificate": str(authority.issue("it", host=NAME))}
    wrapper = directory / "daemon" / "eqp-brokerd"
    wrapper.parent.mkdir()
    wrapper.write_text(WRAPPER.format(here=os.path.dirname(__file__), plan=json.dumps(plan)))
    wrapper.chmod(0o755)
    monkeypatch.setenv("EQP_BUILD_DIR", str(directory))
    return f"base_url = https://{NAME}\nca_file = {authority.path}\n"


# From here on in that network


def move_in(plan):
    plan = json.loads(plan)
    _unshare(plan["conf"].encode())
    ready, done = os.pipe()
    if os.fork() == 0:
        _neighbours(plan, done)
    os.close(done)
    os.read(ready, 1)
    os.close(ready)
    os.execv(plan["daemon"], [plan["daemon"], *sys.argv[1:]])


def _unshare(conf):
    libc = ctypes.CDLL(None, use_errno=True)
    new_mounts, new_network, bind, private = 0x20000, 0x40000000, 4096, (1 << 18) | (1 << 14)
    set_flags, is_up = 0x8914, 1

    def check(result):
        if result != 0:
            sys.exit("77: " + os.strerror(ctypes.get_errno()))

    check(libc.unshare(new_mounts | new_network))
    check(libc.mount(b"none", b"/", None, private, None))
    check(libc.mount(conf, b"/etc/resolv.conf", None, bind, None))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, set_flags, struct.pack("16sH22x", b"lo", is_up))


def _neighbours(plan, done):
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # with the parent
    silent, left = plan["silent"], []
    for address in plan["name_servers"]:
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        server.bind((address, 53))
        left.append(server)
        if address not in silent:
            threading.Thread(target=_tell_addresses, args=(server, plan["addresses"])).start()
    for address in set(plan["addresses"]) - set(plan["refusing"]):
        listener = socket.create_server((address, 443))
        if address in silent:
            left.append(listener)
            _let_nothing_in(listener)
        else:
            Upstream(None, plan["certificate"], listener).start()
    os.write(done, b"x")
    os.close(done)
    signal.pause()


def _let_nothing_in(listener):
    """Every packet to it is dropped."""
    attach_filter = 26
    give_back_nothing = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0))
    listener.setsockopt(socket.SOL_SOCKET, attach_filter, struct.pack("HL", 1, ctypes.addressof(give_back_nothing)))


def _tell_addresses(server, addresses):
    while True:
        question, asker = server.recvfrom(512)
        end = question.index(b"\0", 12) + 5
        told = addresses if question[end - 4:end - 2] == b"\0\1" else []
        records = b"".join(b"\xc0\x0c\0\1\0\1\0\0\0\0\0\4" + socket.inet_aton(address) for address in told)
        server.sendto(question[:2] + b"\x81\x80\0\1" + len(told).to_bytes(2, "big") + b"\0\0\0\0" +
                      question[12:end] + records, asker)
