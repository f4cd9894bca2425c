"""Model servers, files and the build: a back-end that sends the gateway elsewhere, one whose address is elsewhere, media that
would have to be fetched, what a gateway writes, and the switch that must not be in what is released."""

import json
import os
import pathlib
import socket
import subprocess

from case import Case, Failed, Trial
from support.deployment import BINARY as RELEASE
from support.deployment import FRANKFURT, LONDON, MILAN, NOVA
from support.wire import sign
from world import ADDRESSES, API, BINARY, CLAUDE, KEY, LAYERS, MODEL, Gateway

OUTSIDE_URL = f"http://{ADDRESSES[LONDON]}:{MODEL + 1}/v1/chat/completions"


def milan(trial: Trial) -> Gateway:
    return trial.deployment.hosts[MILAN]


def not_called(listener: socket.socket, otherwise: str) -> None:
    listener.setblocking(False)
    try:
        listener.accept()
    except BlockingIOError:
        return
    raise Failed(otherwise)


def redirected(status: int, region: str):
    """London listens where the redirect points; whoever follows is heard."""
    def run(trial: Trial) -> str:
        with trial.deployment.hosts[LONDON].listen(MODEL + 1) as listener:
            answer = milan(trial).invoke(NOVA, trial.canary, status=status, location=OUTSIDE_URL)
            not_called(listener, "somebody followed the redirect")
        if answer.status == 200:
            raise Failed(f"answered 200: {answer.body[:80]!r}")
        return f"not followed: the client got {answer.status}"
    return run


def backend_outside(trial: Trial) -> str:
    """A configuration of Milan's whose model server is at London's address."""
    file = milan(trial).folder / "outside.yaml"
    text = (milan(trial).folder / "tidegate.yaml").read_text()
    file.write_text(text.replace(f"http://127.0.0.1:{MODEL}", f"http://{ADDRESSES[LONDON]}:{MODEL}"))
    for command in (["check", "-c", str(file)], ["serve", "-c", str(file)]):
        done = subprocess.run([str(BINARY), *command], capture_output=True, text=True, timeout=30)
        if done.returncode == 0 or "where eu-west-2 is" not in done.stdout + done.stderr:
            raise Failed(f"{command[0]} took it: {done.stdout}{done.stderr}")
    file.unlink()
    return "refused by check and at the start, with the Region's name"


def remote_media(path: str, message):
    def run(trial: Trial) -> str:
        url = f"http://{ADDRESSES[LONDON]}:{MODEL + 1}/{trial.canary}.png"
        body = json.dumps(message(url, trial.canary)).encode()
        host = milan(trial)
        headers = sign("POST", path, body, f"{host.address}:{API}", KEY, MILAN)
        with trial.deployment.hosts[LONDON].listen(MODEL + 1) as listener:
            status, said = host.http(API, "POST", path, body, headers)
            not_called(listener, "somebody fetched it")
        if status != 400:
            raise Failed(f"answered {status} {said[:120]!r}")
        return f"refused: {status}"
    return run


def chat_image(url: str, canary: str) -> dict:
    return {"model": NOVA, "max_tokens": 5, "messages": [{"role": "user", "content": [
        {"type": "text", "text": canary}, {"type": "image_url", "image_url": {"url": url}}]}]}


def messages_image(url: str, canary: str) -> dict:
    return {"model": f"eu.{CLAUDE}", "max_tokens": 5, "messages": [{"role": "user", "content": [
        {"type": "text", "text": canary}, {"type": "image", "source": {"type": "url", "url": url}}]}]}


def converse_image(url: str, canary: str) -> dict:
    return {"messages": [{"role": "user", "content": [
        {"text": canary}, {"image": {"format": "png", "source": {"s3Location": {"uri": url.replace("http", "s3")}}}}]}]}


def open_files(trial: Trial) -> str:
    """What a gateway has open for writing is its Region's own, while it runs a request."""
    count = 0
    for host in trial.deployment.regions():
        for process in descendants(host.gateway.pid):
            for entry in pathlib.Path(f"/proc/{process}/fd").iterdir():
                count += own_file(entry, host.folder, trial.deployment.keys)
    milan(trial).invoke(NOVA, trial.canary)
    return f"{count} files open for writing, each in its own Region's folder"


def descendants(pid: int) -> list[int]:
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(child for found in children for child in descendants(int(found)))]


def own_file(entry: pathlib.Path, folder: pathlib.Path, keys: pathlib.Path) -> bool:
    try:
        target = pathlib.Path(os.readlink(entry))
        flags = int((entry.parent.parent / "fdinfo" / entry.name).read_text().split("flags:")[1].split()[0], 8)
    except FileNotFoundError:  # closed meanwhile
        return False
    if not target.is_file() or not flags & (os.O_WRONLY | os.O_RDWR) or target == keys:
        return False
    if not target.is_relative_to(folder):
        raise Failed(f"{target} is open for writing")
    return True


def released(trial: Trial) -> str:
    """The release binary knows no switch, no layer's name and no key log; the sabotage build does."""
    marks = (b"TIDEGATE_SABOTAGE", b"SSLKEYLOGFILE", b"sabotage")
    inside = {binary: [mark for mark in marks if mark in binary.read_bytes()] for binary in (RELEASE, BINARY)}
    if inside[RELEASE] or len(inside[BINARY]) != len(marks):
        raise Failed(f"found {inside}")
    return "not in the release binary"


def cases() -> list[Case]:
    def one(name: str, run, able=(MILAN, FRANKFURT, LONDON), layers=LAYERS) -> Case:
        return Case("back-end", name, run, layers, able=able)
    return [
        *(one(f"Milan's redirects to London ({status})", redirected(status, MILAN)) for status in (301, 302, 303, 307, 308)),
        one("Frankfurt's redirects to London (307)", redirected(307, FRANKFURT), able=(FRANKFURT, LONDON)),
        one("its address is London's", backend_outside),
        one("an image to fetch from London, in OpenAI's words", remote_media("/v1/chat/completions", chat_image)),
        one("an image to fetch from London, in Anthropic's words", remote_media("/anthropic/v1/messages", messages_image)),
        one("an image to fetch from London, in AWS's words",
            remote_media(f"/model/{NOVA.replace(':', '%3A')}/converse", converse_image)),
        Case("files", "what gateways write", open_files),
        Case("build", "the switch in what is released", released, layers=("proof",)),
    ]

