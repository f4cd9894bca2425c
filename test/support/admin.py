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


def admin_get(path: str, target: str) -> dict:
    connection = AdminConnection(path)
    try:
        connection.request("GET", target)
        return json.load(connection.getresponse())
    finally:
        connection.close()
