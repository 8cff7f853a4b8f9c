"""Simulator: runs eqp-simulator for a test and speaks to its admin listener.

    with Simulator() as simulator:
        simulator.urls["sandbox"]                  # https://localhost:PORT
        simulator.ca_file                          # trust this
        simulator.fault("sandbox", "throttle", retry_after=3, count=1)
        simulator.state("sandbox")["requests"]["token"]

The binary is $EQP_BUILD_DIR/simulator/eqp-simulator unless another one is named. Every listener is on a port
that the kernel chooses. Standard library only.
"""

import base64
import hashlib
import http.client
import json
import os
import select
import ssl
import subprocess
import tempfile
import time
import urllib.parse

# The key of the vendor's documentation, which every environment starts with unless keys are given.
EXAMPLE_ID = "AQ17NZ49WC"
EXAMPLE_SECRET = "8820c99614d65f923df7660276f20e029d73e2ca"
EXAMPLE_KEY = f"{EXAMPLE_ID}:{EXAMPLE_SECRET}"
TOKEN_PATH = "/rest/v1/app/session/token"


class SimulatorError(Exception):
    """The simulator did not start, or refused an admin request."""


class Simulator:
    """One process. The options are those of the command line; `keys` is {environment: [(id, secret)]}."""

    def __init__(self, environments=("sandbox", "production"), *, keys=None, lifetime_max=None,
                 lifetime_fixed=None, mage_id=None, tls_directory=None, arguments=(), binary=None):
        self.binary = binary or os.path.join(os.environ["EQP_BUILD_DIR"], "simulator", "eqp-simulator")
        self.environments = tuple(environments)
        self.keys = keys
        self.options = {"lifetime-max": lifetime_max, "lifetime-fixed": lifetime_fixed, "mage-id": mage_id,
                        "tls-directory": tls_directory}
        self.arguments = tuple(arguments)
        self.process = None
        self.urls = {}
        self.ca_file = None
        self.admin = None
        self._stderr = None

    # life

    def start(self, timeout=60):
        """Starts the process and waits until it is ready. Returns the simulator itself."""
        command = [self.binary, "--admin", "127.0.0.1:0"]
        for name in self.environments:
            command += ["--environment", name if "=" in name else f"{name}=127.0.0.1:0"]
        for option, value in self.options.items():
            if value is not None:
                command += [f"--{option}", str(value)]
        command += self.arguments

        with tempfile.NamedTemporaryFile("w", suffix=".json") as keys_file:
            if self.keys is not None:
                json.dump({name: [{"id": id_, "secret": secret} for id_, secret in pairs]
                           for name, pairs in self.keys.items()}, keys_file)
                keys_file.flush()
                command += ["--keys", keys_file.name]
            self._stderr = tempfile.TemporaryFile("w+")
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                            stderr=self._stderr)
            line = self._read_line(timeout)

        try:
            ready = json.loads(line)
        except ValueError:
            self.process.kill()
            self.process.wait()
            raise SimulatorError(f"no readiness line; stderr: {self.stderr()}") from None
        self.admin = ready["admin"]
        self.ca_file = ready["ca_file"]
        self.urls = ready["environments"]
        return self

    def _read_line(self, timeout):
        deadline = time.monotonic() + timeout
        line = b""
        fd = self.process.stdout.fileno()
        while not line.endswith(b"\n"):
            if not select.select([fd], [], [], max(0, deadline - time.monotonic()))[0]:
                break
            data = os.read(fd, 65536)
            if not data:
                break
            line += data
        return line.decode()

    def stop(self, timeout=60):
        """Asks the process to end and returns its exit code. May be called again."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.terminate()
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise SimulatorError("the simulator did not end when asked to") from None
        self.process.stdout.close()
        return code

    def stderr(self):
        """The stderr of the process so far."""
        self._stderr.seek(0)
        return self._stderr.read()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    # EQP requests

    def connect(self, environment, timeout=60):
        """An HTTPS connection to the environment that trusts the simulator's authority."""
        address = urllib.parse.urlsplit(self.urls[environment])
        context = ssl.create_default_context(cafile=self.ca_file)
        return http.client.HTTPSConnection(address.hostname, address.port, timeout=timeout, context=context)

    def request(self, environment, method, path, body=None, headers=None, timeout=60):
        """One request on a connection of its own: returns (status, headers, body as bytes)."""
        connection = self.connect(environment, timeout)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return response.status, response.headers, response.read()
        finally:
            connection.close()

    def token(self, environment, key=EXAMPLE_KEY, body=None, timeout=60):
        """A direct token request: returns (status, JSON answer). `body` replaces the usual one."""
        body = {"grant_type": "session", "expires_in": 7200} if body is None else body
        headers = {"Authorization": "Basic " + base64.b64encode(key.encode()).decode(),
                   "Content-Type": "application/json"}
        status, _, text = self.request(environment, "POST", TOKEN_PATH, json.dumps(body), headers, timeout)
        return status, json.loads(text)

    # admin requests

    def call(self, method, path, body=None):
        """One admin request: returns (status, JSON, or text if it is no JSON)."""
        address = urllib.parse.urlsplit(self.admin)
        connection = http.client.HTTPConnection(address.hostname, address.port, timeout=60)
        try:
            connection.request(method, path, None if body is None else json.dumps(body),
                               {"Content-Type": "application/json"})
            response = connection.getresponse()
            text = response.read().decode()
        finally:
            connection.close()
        if response.headers.get_content_type() == "application/json":
            return response.status, json.loads(text)
        return response.status, text

    def _do(self, method, path, body=None):
        status, answer = self.call(method, path, body)
        if status != 200:
            raise SimulatorError(f"{method} {path}: {status}: {answer}")
        return answer

    def _key(self, environment, key_id, action=""):
        return f"/{environment}/keys/{urllib.parse.quote(key_id, safe='')}{action}"

    def add_key(self, environment, key_id, secret):
        return self._do("POST", f"/{environment}/keys", {"id": key_id, "secret": secret})

    def replace_keys(self, environment, pairs):
        """Makes these (id, secret) pairs the only keys."""
        body = [{"id": id_, "secret": secret} for id_, secret in pairs]
        return self._do("PUT", f"/{environment}/keys", body)

    def delete_key(self, environment, key_id):
        return self._do("DELETE", self._key(environment, key_id))

    def refuse_key(self, environment, key_id=EXAMPLE_ID):
        return self._do("POST", self._key(environment, key_id, "/refuse"))

    def accept_key(self, environment, key_id=EXAMPLE_ID):
        return self._do("POST", self._key(environment, key_id, "/accept"))

    def regenerate(self, environment, key_id=EXAMPLE_ID, secret=None):
        """Returns the new secret. Tokens live on."""
        body = None if secret is None else {"secret": secret}
        return self._do("POST", self._key(environment, key_id, "/regenerate"), body)["secret"]

    def revoke(self, environment, ust_sha256=None):
        """Ends one token, or all; returns how many."""
        body = None if ust_sha256 is None else {"ust_sha256": ust_sha256}
        return self._do("POST", f"/{environment}/tokens/revoke", body)["revoked"]

    def token_truth(self, environment, ust):
        """The rest of the token's life in seconds, negative when it is over; None: it is not this environment's, or was revoked."""
        digest = hashlib.sha256(ust.encode()).hexdigest()
        status, answer = self.call("GET", f"/{environment}/tokens/{digest}")
        return answer["expires_in_ms"] / 1000 if status == 200 else None

    def forward(self, seconds):
        """Lets so much of all tokens' lives pass."""
        return self._do("POST", "/clock", {"forward": seconds})

    def settings(self, environment, **settings):
        """lifetime_max, lifetime_fixed (None: off), latency_ms; scan_queued_ms, scan_ms, scan_result."""
        return self._do("PUT", f"/{environment}/settings", settings)

    def uploads(self, environment):
        """The simulator's files, with their digests."""
        return self._do("GET", f"/{environment}/uploads")

    def tell_scan(self, environment, file_upload_id, malware_status):
        return self._do("PUT", f"/{environment}/uploads/{file_upload_id}", {"malware_status": malware_status})

    def packages(self, environment):
        return self._do("GET", f"/{environment}/packages")

    def tell_review(self, environment, submission_id, **statuses):
        """overall, technical, marketing."""
        return self._do("PUT", f"/{environment}/packages/{submission_id}", statuses)

    def callbacks(self, environment):
        """The latest that would have been sent to the account's callbacks."""
        return self._do("GET", f"/{environment}/callbacks")

    def fault(self, environment, name, **parameters):
        """Adds a fault; count, paths and the fault's own parameters by name."""
        return self._do("POST", f"/{environment}/faults", {"fault": name, **parameters})

    def clear_faults(self, environment=None):
        """In one environment, or in all. Returns how many there were."""
        names = self.urls if environment is None else [environment]
        return sum(self._do("DELETE", f"/{name}/faults")["cleared"] for name in names)

    def state(self, environment=None):
        """The state of one environment, or {name: state} of all."""
        environments = self._do("GET", "/state")["environments"]
        return environments if environment is None else environments[environment]

    def reset(self):
        """Everything as at the start."""
        self._do("POST", "/reset")

    def wait_for(self, condition, environment=None, timeout=30):
        """Polls the state until condition(state) is true and returns that state; raises in the end."""
        deadline = time.monotonic() + timeout
        while True:
            late = time.monotonic() > deadline
            state = self.state(environment)
            if condition(state):
                return state
            if late:
                raise SimulatorError(f"not within {timeout} s; state: {json.dumps(state)}")
            time.sleep(0.01)
