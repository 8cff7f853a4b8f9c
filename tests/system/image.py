"""An image that boots with the broker in it: our packages are installed where no systemd runs, as in a build of
an image, with a key, a simulator, and a unit that wants a token at boot.
"""

import contextlib
import os
import shutil
import subprocess

import packages
from home import AUTHORITY, KEY, PORTS, SETTINGS
from machine import ENVIRONMENT
from rootfs import CACHE, rootfs

SIMULATOR = f"""
[Unit]
Before=eqp-brokerd.service

[Service]
StateDirectory=simulator
ExecStart=/usr/bin/eqp-simulator --tls-directory=/var/lib/simulator
ExecStartPost=/bin/sh -c 'until curl -fs http://127.0.0.1:9440/state >/dev/null; do sleep 0.05; done'
ExecStartPost=install -m 0644 /var/lib/simulator/ca.pem {AUTHORITY}

[Install]
WantedBy=multi-user.target
"""
FIRST_THING = """
[Unit]
Wants=eqp-brokerd.service
After=eqp-brokerd.service

[Service]
Type=oneshot
RemainAfterExit=yes
LoadCredential=eqp:/run/eqp-broker/credential.sock
ExecStart=sh -c 'sha256sum <"$CREDENTIALS_DIRECTORY/eqp" >/run/first-thing.sha256'
ExecStart=sh -c 'curl -sS -o /dev/null -w "%%{http_code}" -H "EQP-Client: first" \\
        "http://127.0.0.1:9377/v1/sandbox/token?wait=0" >/run/first-thing.curl'

[Install]
WantedBy=multi-user.target
"""
RULES = f"""
[environment sandbox]
base_url = https://localhost:{PORTS['sandbox']}
ca_file = {AUTHORITY}
allow = uid:0
allow = unit:first-thing.service
"""


def write(root, path, text, mode=0o644):
    file = root / path.lstrip("/")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    file.chmod(mode)
    return file


def inside(root, *command):
    """Runs a command in the image as its builder does: nothing is running there."""
    done = subprocess.run(["unshare", "--mount", "--pid", "--fork", "--kill-child", f"--mount-proc={root}/proc",
                           "chroot", root, "env", "-i", *ENVIRONMENT, *command],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done


@contextlib.contextmanager
def made():
    root = CACHE / f"image-{os.getpid()}"
    try:
        subprocess.run(["cp", "-a", "--reflink=auto", rootfs(), root], check=True)
        for deb in packages.files().values():
            shutil.copy(deb, root / packages.INSIDE.relative_to("/"))
        inside(root, "dpkg", "-i", *map(str, packages.debs()))
        write(root, SETTINGS, RULES)
        key = write(root, "/etc/eqp-broker/keys/sandbox", KEY + "\n", 0o600)
        home = key.parent.stat()
        os.chown(key, home.st_uid, home.st_gid)
        write(root, "/etc/systemd/system/simulator.service", SIMULATOR)
        write(root, "/etc/systemd/system/first-thing.service", FIRST_THING)
        inside(root, "systemctl", "enable", "simulator.service", "first-thing.service")
        yield root
    finally:
        shutil.rmtree(root, ignore_errors=True)
