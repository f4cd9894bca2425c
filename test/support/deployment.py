"""Four Regions in a temporary folder, started by `tidegate dev` as a user would, and handles to everything in them."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass

import boto3
from botocore.config import Config

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("TIDEGATE_BINARY", ROOT / "build/release/src/cli/tidegate"))
REAL_MODEL = ROOT / "tools/model_server.py"
SCRIPTED_MODEL = ROOT / "test/support/scripted_model.py"

MILAN, FRANKFURT, DUBLIN, LONDON = "eu-south-1", "eu-central-1", "eu-west-1", "eu-west-2"
REGIONS = (MILAN, FRANKFURT, DUBLIN, LONDON)
NOVA = "eu.amazon.nova-2-lite-v1:0"
PORT_OFFSETS = [offset + i for offset in (1, 101, 301) for i in range(len(REGIONS))]  # what `tidegate dev` uses
PORT_BLOCK = 400
READY_SECONDS = 60


def eventually(check, seconds: float = 10, every: float = 0.05):
    """The first true result of check(); an assertion error when time is up. Connection errors count as "not yet"."""
    give_up = time.monotonic() + seconds
    while True:
        try:
            if result := check():
                return result
        except OSError:
            pass
        assert time.monotonic() < give_up, f"not within {seconds} s: {check}"
        time.sleep(every)


def free_base_port() -> int:
    """The base of a block of free ports. Blocks are spread by process id, so that suites side by side rarely meet."""
    for attempt in range(30):
        base = 20000 + (os.getpid() + attempt) % 30 * PORT_BLOCK  # below the ports that connections are given
        try:
            for offset in PORT_OFFSETS:
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", base + offset))
        except OSError:
            continue
        return base
    raise RuntimeError("no block of free ports")


def children_of(pid: int) -> dict[int, list[str]]:
    """Process id -> command line of the direct children."""
    found = {}
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            if parent == pid:
                found[int(entry.name)] = (entry / "cmdline").read_bytes().decode().rstrip("\0").split("\0")
        except (OSError, IndexError, ValueError):  # it has just ended
            continue
    return found


@dataclass(frozen=True)
class Region:
    name: str
    url: str
    tls_url: str
    ca: str
    admin_socket: str

    @property
    def address(self) -> tuple[str, int]:
        host, port = self.url.removeprefix("http://").rsplit(":", 1)
        return host, int(port)


class Deployment:
    def __init__(self, model_server: pathlib.Path = SCRIPTED_MODEL, regions: tuple[str, ...] = REGIONS) -> None:
        self.model_server = model_server
        self.regions = regions
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tidegate-test-"))
        self.state = self.folder / "state"
        self.process: subprocess.Popen | None = None
        self.environment: dict = {}

    # --- life ---------------------------------------------------------------------------------------------------

    def start(self) -> "Deployment":
        assert BINARY.exists(), f"{BINARY} is not built: ./do build"
        self.state.mkdir(exist_ok=True)
        self.log = (self.folder / "dev.log").open("ab")
        if not hasattr(self, "base_port"):
            self.base_port = free_base_port()
        command = [str(BINARY), "dev", "--state", str(self.state), "--python", sys.executable, "--model-server",
                   str(self.model_server), "--base-port", str(self.base_port), "--regions", ",".join(self.regions)]
        (self.state / "env.json").unlink(missing_ok=True)
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
                                        start_new_session=True)
        try:
            self.wait_ready()
        except BaseException:
            self.kill()
            raise
        return self

    def wait_ready(self) -> None:
        def ready() -> bool:
            assert self.process.poll() is None, f"`tidegate dev` ended:\n{self.log_tail()}"
            try:
                self.environment = json.loads((self.state / "env.json").read_text())
            except (OSError, json.JSONDecodeError):
                return False
            return all(self.serves_itself(name) for name in self.environment["regions"])
        try:
            eventually(ready, READY_SECONDS)
        except AssertionError as error:
            raise AssertionError(f"the Regions did not become ready: {error}\n{self.log_tail()}") from None

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(45)
        finally:
            self.kill()

    def kill(self) -> None:
        """Whatever is left of what this started: the whole session, by its process group."""
        if self.process.poll() is None:
            family = children_of(self.process.pid)
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(10)
            for pid in family:  # children in groups of their own
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        self.log.close()

    def log_tail(self, lines: int = 40) -> str:
        return "\n".join((self.folder / "dev.log").read_text(errors="replace").splitlines()[-lines:])

    # --- what is in it --------------------------------------------------------------------------------------------

    def region(self, name: str = MILAN) -> Region:
        return Region(name=name, **{key: self.environment["regions"][name][key]
                                    for key in ("url", "tls_url", "ca", "admin_socket")})

    def key(self, name: str = "demo") -> tuple[str, str]:
        key = self.environment["keys"][name]
        return key["access_key_id"], key["secret_access_key"]

    def health(self, region: str) -> int:
        try:
            with urllib.request.urlopen(f"{self.environment['regions'][region]['url']}/health", timeout=2) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0

    def serves_itself(self, region: str) -> bool:
        """It can serve, and with its own model server: not only through its peers."""
        with urllib.request.urlopen(f"{self.environment['regions'][region]['url']}/health", timeout=2) as answer:
            health = json.load(answer)
        return health["backendsReady"] == health["backends"]

    def metrics(self, region: str = MILAN) -> str:
        with urllib.request.urlopen(f"{self.region(region).url}/metrics", timeout=5) as answer:
            return answer.read().decode()

    def gateway_pid(self, region: str) -> int:
        """The `tidegate serve` of a Region: the child whose configuration file names it."""
        for pid, command in children_of(self.process.pid).items():
            if "serve" in command and any(region in word for word in command):
                return pid
        raise LookupError(f"no gateway of {region} among {children_of(self.process.pid)}")

    def resident_kb(self, region: str) -> int:
        """Memory of a Region's gateway."""
        status = pathlib.Path(f"/proc/{self.gateway_pid(region)}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0])

    def replaced(self, region: str, gateway: int) -> bool:
        """Another gateway process than `gateway` runs for the Region, and it can serve."""
        try:
            return self.gateway_pid(region) != gateway and self.serves_itself(region)
        except LookupError:
            return False

    def model_port(self, region: str) -> int:
        return int(self.environment["regions"][region]["model_url"].rsplit(":", 1)[1])

    def model_pid(self, region: str) -> int:
        port = str(self.model_port(region))
        for pid, command in children_of(self.process.pid).items():
            if str(self.model_server) in command and port in command:
                return pid
        raise LookupError(f"no model server of {region}")

    # --- talking to it --------------------------------------------------------------------------------------------

    def client(self, service: str, region: str = MILAN, key: str = "demo", attempts: int = 1, **overrides):
        key_id, secret = self.key(key)
        options = {"region_name": region, "endpoint_url": self.region(region).url, "aws_access_key_id": key_id,
                   "aws_secret_access_key": secret, **overrides}
        return boto3.session.Session().client(service, config=Config(
            retries={"total_max_attempts": attempts, "mode": "standard"}, max_pool_connections=64, read_timeout=60,
        ), **options)

    def shell_environment(self, region: str = MILAN) -> dict[str, str]:
        """What `eval "$(./do env REGION)"` leaves in a shell."""
        key_id, secret = self.key()
        global_id, global_secret = self.key("global")
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "TIDEGATE_"))}
        path = os.pathsep.join([str(BINARY.parent), str(pathlib.Path(sys.executable).parent), os.environ["PATH"]])
        return kept | {
            "PATH": path, "AWS_ENDPOINT_URL": self.region(region).url, "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region, "AWS_ACCESS_KEY_ID": key_id, "AWS_SECRET_ACCESS_KEY": secret,
            "AWS_EC2_METADATA_DISABLED": "true", "TIDEGATE_GLOBAL_ACCESS_KEY_ID": global_id,
            "TIDEGATE_GLOBAL_SECRET_ACCESS_KEY": global_secret, "TIDEGATE_HOME": str(self.state)}

    def run(self, *command: str, region: str = MILAN, seconds: float = 60) -> subprocess.CompletedProcess:
        return subprocess.run(command, env=self.shell_environment(region), stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=seconds)

    def tidegate(self, *arguments: str, **options) -> subprocess.CompletedProcess:
        return self.run(str(BINARY), *arguments, **options)

    def control(self, region: str, mode: str | None = None) -> dict:
        """Sets a scripted model server's mode, or only asks what it has seen."""
        data = json.dumps({"mode": mode}).encode() if mode else None
        request = urllib.request.Request(f"http://127.0.0.1:{self.model_port(region)}/control", data=data)
        with urllib.request.urlopen(request, timeout=5) as answer:
            return json.load(answer)


# --- requests and answers -------------------------------------------------------------------------------------------

def script(**members) -> list[dict]:
    """Messages that direct the scripted model server."""
    return [{"role": "user", "content": [{"text": "script:" + json.dumps(members)}]}]


def headers_of(answer: dict) -> dict[str, str]:
    return answer["ResponseMetadata"]["HTTPHeaders"]


def inference_region(answer: dict) -> str:
    return headers_of(answer)["x-tidegate-inference-region"]


def one_record(deployment: Deployment, answer) -> int:
    """How many of the newest CloudTrail records are of this answer, read from a socket: 0 or 1."""
    events = deployment.client("cloudtrail").lookup_events(MaxResults=50)["Events"]
    wanted = answer.headers["x-amzn-requestid"]
    found = [event for event in events if json.loads(event["CloudTrailEvent"])["requestID"] == wanted]
    assert len(found) <= 1
    return len(found)


def records_of(cloudtrail, **attribute: str) -> list[dict]:
    """All CloudTrail records that match one attribute, newest first, parsed."""
    arguments = {}
    if attribute:
        (key, value), = attribute.items()
        arguments["LookupAttributes"] = [{"AttributeKey": key, "AttributeValue": value}]
    pages = cloudtrail.get_paginator("lookup_events").paginate(**arguments)
    return [json.loads(event["CloudTrailEvent"]) for page in pages for event in page["Events"]]
