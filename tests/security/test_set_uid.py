"""The client library in a set-uid program: its caller chooses all variables, and none of them may count."""

import os
import pathlib
import shutil
import socket
import subprocess
import tempfile

import pytest

from broker import BARE_ENVIRONMENT, binary
from fake_broker import TOKEN, Answer, FakeBroker
from people import run_as

# Variables that libcurl, OpenSSL, GnuTLS and the library itself look at; {} is a folder of the caller's.
FILES = {"SSLKEYLOGFILE": "{}/keylog", "NETRC": "{}/.netrc", "CURL_HOME": "{}", "HOME": "{}", "XDG_CONFIG_HOME": "{}",
         "SSL_CERT_FILE": "{}/ca.pem", "SSL_CERT_DIR": "{}", "OPENSSL_CONF": "{}/openssl.cnf", "QLOGDIR": "{}",
         "OPENSSL_MODULES": "{}", "GNUTLS_SYSTEM_PRIORITY_FILE": "{}/gnutls.conf", "GNUTLS_DEBUG_LEVEL": "9",
         "CURL_SSL_BACKEND": "gnutls", "CURL_CA_BUNDLE": "{}/ca.pem", "CURL_ENTROPY": "1", "RES_OPTIONS": "debug",
         "HOSTALIASES": "{}/hosts", "LOCALDOMAIN": "example", "JSON_C_DEBUG": "1"}
PROXIES = ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]


@pytest.fixture
def place():
    """Where everybody gets to, and set-uid counts."""
    with tempfile.TemporaryDirectory(prefix="eqp-") as place:
        os.chmod(place, 0o755)
        if os.statvfs(place).f_flag & os.ST_NOSUID:
            pytest.skip("SET-UID PROGRAMS NOT TESTED: they do not count in this directory")
        yield pathlib.Path(place)


@pytest.fixture
def hostile(place, alice):
    """Variables, the folder that they lead to, and the port that they name as a proxy."""
    folder = place / "alices"
    folder.mkdir()
    os.chown(folder, alice.uid, alice.gid)
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        proxy.setblocking(False)
        variables = {name: value.replace("{}", str(folder)) for name, value in FILES.items()}
        variables |= {name: f"http://127.0.0.1:{proxy.getsockname()[1]}" for name in PROXIES}
        yield BARE_ENVIRONMENT | variables, folder, proxy


def tell(program, environment, *arguments):
    os.umask(0)
    result = subprocess.run([program, "a.client", *arguments], env=environment, capture_output=True, text=True,
                            stdin=subprocess.DEVNULL, timeout=60, check=False)
    assert result.stderr == ""
    return dict(line.partition(" ")[::2] for line in result.stdout.splitlines())


def check_nothing_happened(hostile):
    _, folder, proxy = hostile
    assert list(folder.iterdir()) == []
    with pytest.raises(BlockingIOError):
        proxy.accept()


def test_no_variable_counts_in_a_set_uid_program(plain_build, place, hostile, alice):
    program = place / "probe"
    shutil.copyfile(binary("client/client-probe-alone"), program)
    program.chmod(0o4755)
    with FakeBroker() as fake:
        environment = hostile[0] | {"EQP_BROKER_ADDRESS": fake.address}
        told = run_as(alice, tell, program, environment, "live")
        assert told["address"] != fake.address, "EQP_BROKER_ADDRESS is alice's, and the program is root's"
        assert fake.requests == []
    check_nothing_happened(hostile)


@pytest.mark.parametrize("program", ["client/client-probe", "client/client-probe-alone"])
def test_no_variable_of_another_library_counts_anywhere(plain_build, hostile, alice, program):
    """The one that is the library's own does."""
    with FakeBroker() as fake:
        fake.answers["GET /v1/sandbox/token"] = Answer(body=TOKEN)
        environment = hostile[0] | {"EQP_BROKER_ADDRESS": fake.address}
        told = run_as(alice, tell, binary(program), environment, "token", "sandbox", "0", "-1")
        assert (told["result"], told["ust"], told["address"]) == ("0", TOKEN["ust"], fake.address)
    check_nothing_happened(hostile)


def test_the_library_asks_for_no_variable_but_its_own(plain_build):
    """secure_getenv() is blind in a set-uid program; getenv() is not."""
    library = binary("client/libeqp-broker.so")
    symbols = subprocess.run(["nm", "-D", "-u", library], capture_output=True, text=True, check=True).stdout
    assert "secure_getenv" in symbols and " getenv" not in symbols and "environ" not in symbols
    needed = subprocess.run(["readelf", "-d", library], capture_output=True, text=True, check=True).stdout
    names = [line.split("[")[1].rstrip("]") for line in needed.splitlines() if "(NEEDED)" in line]
    assert {name.split(".so")[0] for name in names} <= {"libjson-c", "libc", "ld-linux-x86-64", "ld-linux-aarch64"}, names
