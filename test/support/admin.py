"""The admin API of a gateway, over its Unix socket."""

import http.client
import json
import socket


class AdminConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=10)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def admin_request(path: str, method: str, target: str, body: bytes | None = None) -> tuple[int, dict]:
    connection = AdminConnection(path)
    try:
        connection.request(method, target, body)
        answer = connection.getresponse()
        return answer.status, json.load(answer)
    finally:
        connection.close()


def admin_get(path: str, target: str) -> dict:
    return admin_request(path, "GET", target)[1]
