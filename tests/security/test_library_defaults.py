"""The defaults that libcurl, OpenSSL and GnuTLS bring along without being asked, and the fate of each in the daemon.

Each row below is something that one of these libraries, or the command that comes with it, does by itself. The
first table has variables; daemon/library_variables.c takes them away. The second has files; daemon/keeper/trust.c sees to
it that they are not looked for, or nothing in the daemon asks for them. The third has settings that nothing opens a
file for. Programs that do nothing about it are run beside the daemon, to show that there is something to be seen.
"""

import pathlib
import re
import shutil
import subprocess
import sys

import pytest

from authorities import Upstream
from broker import BARE_ENVIRONMENT, Broker, binary
from key_desk import TRACED
from simulator import EXAMPLE_KEY

ROOT = pathlib.Path(__file__).resolve().parents[2]
# name: (value; {} is a folder of somebody's, who has it; the consequence)
VARIABLES = {
    "SSLKEYLOGFILE": ("{}/keylog", "libcurl, GnuTLS, OpenSSL 3.5", "the secrets of each session are written there"),
    "SSL_CERT_FILE": ("{}/ca.pem", "OpenSSL, curl", "the authorities in it are trusted"),
    "SSL_CERT_DIR": ("{}/certs", "OpenSSL, curl", "the authorities in it are trusted"),
    "OPENSSL_CONF": ("{}/openssl.cnf", "OpenSSL", "ciphers, protocols, and code: engines and providers"),
    "OPENSSL_CONF_INCLUDE": ("{}", "OpenSSL", "what openssl.cnf includes comes from there"),
    "OPENSSL_MODULES": ("{}/modules", "OpenSSL", "providers are loaded from there"),
    "OPENSSL_ENGINES": ("{}/engines", "OpenSSL", "engines are loaded from there"),
    "CTLOG_FILE": ("{}/ctlog", "OpenSSL", "logs of certificates are trusted"),
    "QLOGDIR": ("{}", "libcurl, OpenSSL", "QUIC connections are written down"),
    "CURL_CA_BUNDLE": ("{}/ca.pem", "curl", "the authorities in it are trusted"),
    "CURL_HOME": ("{}", "curl", ".curlrc is read there"),
    "CURL_SSL_BACKEND": ("gnutls", "libcurl, where it has several", "another library is asked"),
    "NETRC": ("{}/.netrc", "curl", "a login and password for a host"),
    "GNUTLS_SYSTEM_PRIORITY_FILE": ("{}/gnutls.conf", "GnuTLS, before main()", "weak ciphers are allowed"),
    "KRB5_CONFIG": ("{}/krb5.conf", "libcurl, at a SOCKS proxy", "code is loaded: plugins"),
    "KRB5CCNAME": ("{}/krb5cc", "libcurl, at a SOCKS proxy", "somebody's tickets log in to the proxy"),
    "GSS_USE_PROXY": ("1", "libcurl, at a SOCKS proxy", "another process is asked for tickets"),
    "GNUTLS_DEBUG_LEVEL": ("9", "GnuTLS, before main()", "all that it does is written to standard error"),
    "P11_KIT_DEBUG": ("all", "p11-kit, before main()", "the same"),
}

# Files that are looked for without any variable: (pattern of a path, why not here).
FILES = [
    (r"/etc/ssl/certs/.*|/usr/lib/ssl/cert.*", "not with ca_file: CURLOPT_CAINFO and CURLOPT_CAPATH"),
    (r"{}/\.netrc", "no: CURLOPT_NETRC"),
    (r"{}/\.curlrc|{}/\.config/curlrc", "no: only the curl command does"),
    (r"{}/\.(pki|cert|postgresql|pkcs11)/.*|{}/\.config/pkcs11/.*", "no: nothing that is used asks for it"),
    (r"/etc/pkcs11/.*|/usr/share/p11-kit/.*|.*/pkcs11/.*", "no: modules are loaded for certificates in them only"),
    (r"/etc/krb5.*|.*/krb5cc.*", "no: CURLOPT_PROXYAUTH, CURLOPT_SOCKS5_AUTH"),
]
# Nothing is opened for these: (default, what is done about it, or why nothing is).
SETTINGS = [
    ("a file of authorities is kept for a day", "CURLOPT_CA_CACHE_TIMEOUT"),
    ("sessions of TLS are resumed, and no certificate is looked at", "CURLOPT_SSL_SESSIONID_CACHE; test_authorities.py"),
    ("connections are kept", "CURLOPT_FORBID_REUSE"),
    ("the oldest TLS is the library's to say", "CURLOPT_SSLVERSION, CURLOPT_PROXY_SSLVERSION; test_authorities.py"),
    ("schemes other than https", "CURLOPT_PROTOCOLS_STR"),
    ("ciphers and groups are the library's, within root's policy", "left: newer libraries know better"),
    ("any certificate in ca_file ends a chain, not just a root's", "left, and documented: it is in that file"),
    ("no list of revoked certificates is asked for", "left: few authorities offer one"),
    ("an https proxy is judged by the system's authorities", "left, and documented; test_authorities.py"),
    ("proxies of the environment", "left, and documented; tests/blackbox/test_daemon_upstream.py"),
    ("redirects, cookies, HSTS, alt-svc, sharing between handles", "off unless asked for"),
]
# Root's settings for all programs of the machine stay in force. test_authorities.py shows their limits.
LEFT = r"/usr/lib/ssl/openssl\.cnf|/etc/ssl/openssl\.cnf|/etc/gnutls/config"
# Files that have to do with trust: paths that have one of these in them.
ABOUT_TRUST = r"ssl|tls|pki|pkcs11|p11|cert|\.pem|\.crt|keylog|netrc|curlrc|krb5|hsts|alt-svc|cookie"


@pytest.fixture
def folder(tmp_path, authorities):
    """Somebody's, with all that the variables lead to."""
    folder = tmp_path / "somebody"
    shutil.copytree(authorities[0].store, folder / "certs", symlinks=True)
    shutil.copyfile(authorities[0].path, folder / "ca.pem")
    (folder / ".netrc").write_text("machine localhost login somebody password somebody\n")
    (folder / ".netrc").chmod(0o600)
    (folder / ".curlrc").write_text("user-agent = somebody\n")
    (folder / "openssl.cnf").write_text("openssl_conf = all\n[all]\n")
    (folder / "gnutls.conf").write_text("[overrides]\ntls-disabled-cipher = AES-256-GCM\n")
    return folder


def hostile(folder):
    settings = {name: value.replace("{}", str(folder)) for name, (value, *_) in VARIABLES.items()}
    return BARE_ENVIRONMENT | TRACED | settings | {"HOME": str(folder)}


def traced(log, command, **more):
    """Runs it, and returns the result and the paths that it, or what it became, asked the kernel for."""
    result = subprocess.run(["strace", "-f", "-qq", "-s", "4096", "-e", "trace=%file", "-o", log, *command],
                            capture_output=True, text=True, timeout=120, **more)
    lines = log.read_text().splitlines()
    started = [number for number, line in enumerate(lines) if "execve(" in line and line.endswith("= 0")]
    assert started, f"strace cannot be used here: {result.stderr}"
    return result, {match[1] for line in lines[started[-1] + 1:] if (match := re.search(r'"([^"]+)"', line))}


def is_program_or_ours(path, broker):
    return (re.search(r"\.so(\.[0-9.]+)?$|/ld\.so\.|/glibc-hwcaps|/eqp-brokerd$", path)
            or path.startswith(f"{broker.directory}/"))


def settle(url, ca_file=None):
    lines = f"base_url = {url}\n" + (f"ca_file = {ca_file}\n" if ca_file else "")
    return Broker(keys={"sandbox": EXAMPLE_KEY}, tcp=False, start=False, environments={"sandbox": lines})


def once(broker):
    return [binary(), "--config", str(broker.config_path), "--once", "sandbox", "--deadline", "20s"]


def test_nothing_of_the_environment_counts(plain_build, authorities, folder, tmp_path):
    company = authorities[1]
    with Upstream(company) as upstream, settle(upstream.url, company.path) as broker:
        result, paths = traced(tmp_path / "log", once(broker), env=hostile(folder), stdin=subprocess.DEVNULL)
    assert result.returncode == 0, result.stderr
    assert result.stderr == "", "no library has anything to say"
    assert [path for path in paths if path.startswith(str(folder))] == []
    assert not (folder / "keylog").exists()
    assert b"eqp-broker/" in upstream.received and b"somebody" not in upstream.received


def test_files_that_are_opened_for_an_exchange(plain_build, authorities, folder, tmp_path):
    company = authorities[1]
    with Upstream(company) as upstream, settle(upstream.url, company.path) as broker:
        result, paths = traced(tmp_path / "log", once(broker), env=hostile(folder), stdin=subprocess.DEVNULL)
        assert result.returncode == 0, result.stderr
        found = {path for path in paths if re.search(ABOUT_TRUST, path) and not is_program_or_ours(path, broker)}
    assert {path for path in found if not re.fullmatch(LEFT, path)} == {str(company.path)}
    for pattern, why in FILES:
        assert not [path for path in paths if re.fullmatch(pattern.replace("{}", re.escape(str(folder))), path)], why


def test_without_ca_file_the_system_s_store_is_opened(plain_build, machine, authorities, folder, tmp_path):
    """The look-out sees it, then: first as a whole, and by the hash of a name if that does not help."""
    with Upstream(authorities[1]) as upstream, settle(upstream.url) as broker:
        command = [machine, "--config", broker.config_path, "--try-key", "sandbox"]
        result, paths = traced(tmp_path / "log", command, env=hostile(folder), input=EXAMPLE_KEY)
        assert result.returncode != 0 and not upstream.received
    assert "/etc/ssl/certs/ca-certificates.crt" in paths
    assert [path for path in paths if path.startswith(str(folder))] == []


def test_the_options_that_are_named_are_set():
    sources = "".join((ROOT / "daemon" / "keeper" / name).read_text() for name in ("trust.c", "exchange.c"))
    for _, fate in FILES + SETTINGS:
        for option in re.findall(r"CURLOPT_\w+", fate):
            assert f"SET({option}, " in sources, option
    # The carrier of requests keeps connections and their sessions, each of them with its authorities.
    sources = (ROOT / "daemon" / "forwarder" / "upstream.c").read_text()
    kept = {"CURLOPT_CA_CACHE_TIMEOUT", "CURLOPT_SSL_SESSIONID_CACHE", "CURLOPT_FORBID_REUSE"}
    for _, fate in FILES + SETTINGS:
        for option in {*re.findall(r"CURLOPT_\w+", fate), "CURLOPT_PROXY_CAPATH", "CURLOPT_PROXY_CAINFO"} - kept:
            assert f"SET({option}, " in sources, option


def test_other_programs_do_as_they_are_told(plain_build, authorities, folder, tmp_path):
    """Where nothing stops it: the same variables, and curl, openssl and something with GnuTLS in it."""
    with Upstream(authorities[0]) as upstream:
        result, paths = traced(tmp_path / "log", ["curl", "-sS", "--netrc-optional", upstream.url], env=hostile(folder))
    assert result.returncode == 0 and b"somebody" in upstream.received, result.stderr
    assert (folder / "keylog").read_text()
    for name in (".curlrc", ".netrc", "ca.pem", "openssl.cnf"):
        assert str(folder / name) in paths, name
    load = [sys.executable, "-c", "import ctypes; ctypes.CDLL('libgnutls.so.30')"]
    result, paths = traced(tmp_path / "log", load, env=hostile(folder))
    assert str(folder / "gnutls.conf") in paths
    assert "gnutls[" in result.stderr and "p11-kit" in result.stderr
