"""Whose certificates a broker in its container trusts: those of the image, or of `ca_file` in their place."""

import shutil

import pytest

from authorities import Authority, openssl
from broker import wait_until
from pod import SIMULATED
from simulator import EXAMPLE_KEY


@pytest.fixture
def trusting(pod):
    """A pod whose broker sees the upstream's authority as the store of its image; and another authority's file."""
    store = pod.directory / "store"
    store.mkdir()
    for name in ("ca-certificates.crt", "upstream.pem"):
        shutil.copyfile(pod.upstream_files / "ca.pem", store / name)
        (store / name).chmod(0o644)
    openssl("rehash", store)
    other = Authority(pod.directory, "other")
    pod.write_key("sandbox", EXAMPLE_KEY)
    return pod, (f"--volume={store}:/etc/ssl/certs:ro", f"--volume={other.path}:/other.pem:ro")


def test_without_ca_file_the_image_s_store_vouches(trusting):
    pod, options = trusting
    pod.settings.write_text("\n".join(line for line in SIMULATED.splitlines() if "ca_file" not in line) + "\n")
    pod.start_broker(options=options).wait_ready()


def test_ca_file_takes_the_place_of_the_image_s_store(trusting):
    pod, options = trusting
    pod.settings.write_text(SIMULATED.replace("/upstream/ca.pem", "/other.pem"))
    pod.start_broker(options=options)
    wait_until(lambda: "its CA has to be in ca_file, which alone counts" in pod.log(), "the refusal")
    assert pod.simulator.state("sandbox")["requests"]["total"] == 0, "the key was not sent"
    assert pod.get("/v1/sandbox/token?wait=0").status == 503
