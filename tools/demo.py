"""What `./do` needs to know about a running demo: is it there, is it ready, how to reach it, how to end it.

`tidegate dev` keeps two files in its state directory: dev.pid, and, while every Region can be used, env.json with end
points and demo keys. Standard library only: this runs before anything is installed.
"""

import argparse
import json
import os
import pathlib
import shlex
import signal
import sys
import time
import urllib.error
import urllib.request


def running(state: pathlib.Path) -> int | None:
    """The process id in dev.pid, if that process is the `tidegate dev` of this state directory."""
    try:
        pid = int((state / "dev.pid").read_text())
        command = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except (OSError, ValueError):
        return None
    return pid if "dev" in command and str(state) in command else None


def load_environment(state: pathlib.Path) -> dict | None:
    try:
        return json.loads((state / "env.json").read_text())
    except (OSError, json.JSONDecodeError):  # not yet, or in the middle of being written
        return None


def healthy(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=2) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


def command_pid(state: pathlib.Path, _: argparse.Namespace) -> int:
    pid = running(state)
    if pid is None:
        return 1
    print(pid)
    return 0


def command_wait(state: pathlib.Path, arguments: argparse.Namespace) -> int:
    """0 once every Region answers /health with 200; 1 if the process ended or time ran out."""
    give_up = time.monotonic() + arguments.seconds
    while time.monotonic() < give_up and pathlib.Path(f"/proc/{arguments.pid}").exists():
        environment = load_environment(state)
        if environment and all(healthy(region["url"]) for region in environment["regions"].values()):
            return 0
        time.sleep(0.1)
    return 1


def command_env(state: pathlib.Path, arguments: argparse.Namespace) -> int:
    environment = load_environment(state)
    if environment is None or running(state) is None:
        sys.exit("do: the demo is not running; `./do run` (or `./do run --detach`) starts it")
    region = environment["regions"].get(arguments.region)
    if region is None:
        sys.exit(f"do: no Region '{arguments.region}' here; there are {', '.join(environment['regions'])}")
    demo, granted = environment["keys"]["demo"], environment["keys"]["global"]
    exports = {
        "AWS_ENDPOINT_URL": region["url"],
        "AWS_REGION": arguments.region,
        "AWS_DEFAULT_REGION": arguments.region,  # the one that botocore reads
        "AWS_ACCESS_KEY_ID": demo["access_key_id"],
        "AWS_SECRET_ACCESS_KEY": demo["secret_access_key"],
        "AWS_EC2_METADATA_DISABLED": "true",
        "TIDEGATE_GLOBAL_ACCESS_KEY_ID": granted["access_key_id"],
        "TIDEGATE_GLOBAL_SECRET_ACCESS_KEY": granted["secret_access_key"],
        "TIDEGATE_TLS_URL": region["tls_url"],
        "TIDEGATE_CA": region["ca"],
        "TIDEGATE_API_KEY": environment["api_key"],
        "TIDEGATE_HOME": str(state),
    }
    print("unset AWS_SESSION_TOKEN AWS_PROFILE AWS_BEARER_TOKEN_BEDROCK")
    for name, value in exports.items():
        print(f"export {name}={shlex.quote(value)}")
    print(f'export PATH={shlex.quote(os.pathsep.join(arguments.path))}:"$PATH"')
    return 0


def command_stop(state: pathlib.Path, arguments: argparse.Namespace) -> int:
    pid = running(state)
    if pid is None:
        print("do: nothing is running")
        return 0
    os.kill(pid, signal.SIGTERM)
    give_up = time.monotonic() + arguments.seconds
    while running(state) is not None:
        if time.monotonic() > give_up:
            sys.exit(f"do: process {pid} has not ended after {arguments.seconds} s; see {state}/dev.log")
        time.sleep(0.05)
    print("do: stopped")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--state", type=pathlib.Path, required=True)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("pid").set_defaults(function=command_pid)
    wait = commands.add_parser("wait")
    wait.add_argument("--pid", type=int, required=True)
    wait.add_argument("--seconds", type=int, required=True)
    wait.set_defaults(function=command_wait)
    env = commands.add_parser("env")
    env.add_argument("region")
    env.add_argument("--path", action="append", default=[])
    env.set_defaults(function=command_env)
    stop = commands.add_parser("stop")
    stop.add_argument("--seconds", type=int, required=True)
    stop.set_defaults(function=command_stop)
    arguments = parser.parse_args()
    return arguments.function(arguments.state.resolve(), arguments)


if __name__ == "__main__":
    sys.exit(main())
