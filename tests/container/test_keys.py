"""Keys as containers get them: mounted, late, and swapped as a whole."""

import os

from broker import wait_until
from load import Load
from pod import BROKER_UID
from simulator import EXAMPLE_ID, EXAMPLE_KEY


class MountedSecret:
    """A directory as a kubelet makes it: files are links into ..data, which is a link to a dated directory."""

    def __init__(self, directory):
        self.directory, self.n = directory, 0

    def write(self, **files):
        """Replaces all contents at once, as a kubelet does."""
        self.n += 1
        new, old = self.directory / f"..2026_{self.n}", self.directory / f"..2026_{self.n - 1}"
        new.mkdir(mode=0o755)
        for name, text in files.items():
            path = new / name
            path.write_text(text)
            path.chmod(0o644)  # the default mode of such a volume
            if not (self.directory / name).is_symlink():
                (self.directory / name).symlink_to(f"..data/{name}")
        (self.directory / "..data_tmp").symlink_to(new.name)
        (self.directory / "..data_tmp").rename(self.directory / "..data")
        for name in os.listdir(self.directory):
            if not name.startswith("..") and name not in files:
                (self.directory / name).unlink()
        if old.exists():
            for path in old.iterdir():
                path.unlink()
            old.rmdir()


def granted(pod):
    return pod.simulator.state("sandbox")["requests"]["granted"]


def test_a_key_that_comes_later_is_picked_up(pod):
    pod.start_broker()
    wait_until(lambda: pod.eqpctl("live").returncode == 0, "the daemon")
    assert pod.get("/v1/sandbox/token").status == 503
    pod.write_key("sandbox", EXAMPLE_KEY)
    pod.wait_ready()
    assert pod.get("/v1/sandbox/token").status == 200


def test_a_mounted_secret_that_everybody_may_read_will_do(pod):
    MountedSecret(pod.keys).write(sandbox=EXAMPLE_KEY)  # without a line end, as from a literal
    pod.start_broker().wait_ready()


def test_swapped_under_load_no_request_fails(pod, measured):
    """Four rotations, as many as there are trials of keys in an hour; each as a vendor's portal and a kubelet make it: the old key stops working at once."""
    secret = MountedSecret(pod.keys)
    secret.write(sandbox=EXAMPLE_KEY)
    pod.start_broker().wait_ready()
    with Load(pod) as load:
        for rotation in range(1, 5):
            regenerated = pod.simulator.regenerate("sandbox", EXAMPLE_ID)
            secret.write(sandbox=f"{EXAMPLE_ID}:{regenerated}\n")
            wait_until(lambda: granted(pod) == 1 + rotation, "a token by the new key")
            newest = pod.get("/v1/sandbox/token").json()["ust"]
            wait_until(lambda: newest in load.tokens, "the new token under load")
    assert load.failed == []
    assert len(load.tokens) == 5
    assert load.answered > 100
    measured(f"keys swapped 4 times under load: {load.answered} requests answered, {len(load.failed)} failed")


def test_a_secret_of_podman_will_do(pod):
    name = pod.container("key")
    path = pod.directory / "key"
    path.write_text(EXAMPLE_KEY)
    pod.podman("secret", "create", name, path)
    try:
        pod.run("broker", "localhost/eqp-broker", options=(
            f"--network=container:{pod.container('upstream')}", f"--volume={pod.upstream_files}:/upstream:ro",
            f"--volume={pod.settings}:/etc/eqp-broker/eqp-brokerd.conf.d/test.conf:ro",
            f"--secret={name},type=mount,target=/run/secrets/eqp-broker/sandbox,uid={BROKER_UID},mode=0400"))
        pod.wait_ready()
    finally:
        pod.podman("rm", "--force", "--time=0", pod.container("broker"), check=False)
        pod.podman("secret", "rm", name)
