"""What one request may ask of the kernel: two receives, two sends, and waiting. Anything more is a cost that no
profile of user code shows, and that creeps in unseen."""

import collections
import json
import pathlib
import shutil
import signal
import socket
import subprocess
import threading

import pytest

from support.deployment import eventually, script
from support.single import KEY, Single
from support.wire import connect, converse_bytes, read_answer

REQUESTS = 300
SPARE = 0.2  # calls a request for what goes on beside: health checks, time-outs
COMPLETION = json.dumps({
    "id": "1", "object": "chat.completion", "created": 1, "model": "scripted-model",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "The moon."}}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 3, "total_tokens": 6}}).encode()
ANSWER = (b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s"
          % (len(COMPLETION), COMPLETION))


def answer_each(connection: socket.socket) -> None:
    """One send an answer: the gateway's receives are then its own doing."""
    received = b""
    with connection:
        while piece := connection.recv(65536):
            received += piece
            head, end, body = received.partition(b"\r\n\r\n")
            length = next((int(line.split(b":")[1]) for line in head.lower().split(b"\r\n")
                           if line.startswith(b"content-length:")), 0)
            if end and len(body) >= length:
                received = b""
                connection.sendall(ANSWER)


@pytest.fixture
def single(tmp_path):
    made = Single(tmp_path)
    with socket.create_server(("127.0.0.1", made.model)) as model:
        def accept() -> None:
            try:
                while True:
                    threading.Thread(target=answer_each, args=[model.accept()[0]], daemon=True).start()
            except OSError:
                pass  # the test is over
        threading.Thread(target=accept, daemon=True).start()
        yield made
        made.end()
        model.shutdown(socket.SHUT_RDWR)


def calls_of(report: pathlib.Path) -> collections.Counter:
    """The columns of `strace -c`: % time, seconds, usecs/call, calls, errors (may be empty), name."""
    counts = collections.Counter()
    for line in report.read_text().splitlines():
        words = line.split()
        if len(words) >= 5 and words[3].isdigit() and words[-1] != "total":
            counts[words[-1]] += int(words[3])
    return counts


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
def test_a_request_costs_two_receives_and_two_sends(single):
    gateway = single.serve()
    assert single.apply().returncode == 0
    eventually(lambda: single.health() == 200)
    body = json.dumps({"messages": script(answer="unused")}).encode()
    with connect(single.region) as connection:
        def ask() -> None:
            connection.sendall(converse_bytes(single.region, KEY, body))
            answer = read_answer(connection)
            assert answer.status == 200, answer.raw
        for _ in range(10):
            ask()
        report = single.folder / "strace"
        tracer = subprocess.Popen(["strace", "-f", "-c", "-o", str(report), "-p", str(gateway.pid)],
                                  stderr=subprocess.PIPE, text=True)
        said = tracer.stderr.readline()
        if "attached" not in said:
            tracer.kill()
            pytest.skip(f"strace may not attach here: {said.strip()}")
        for _ in range(REQUESTS):
            ask()
        tracer.send_signal(signal.SIGINT)
        tracer.wait(20)
    each = {name: count / REQUESTS for name, count in calls_of(report).items()}
    assert 1.9 <= each["recvfrom"] <= 2 + SPARE, each
    assert 1.9 <= each["sendto"] + each.get("sendmsg", 0) <= 2 + SPARE, each
    assert each["epoll_wait"] <= 3 + SPARE, each  # one connection at a time: nothing shares the wait
    for name in ("read", "epoll_ctl", "socket", "connect", "close", "clock_gettime", "mmap", "munmap", "brk", "madvise"):
        assert each.get(name, 0) <= SPARE, (name, each)
