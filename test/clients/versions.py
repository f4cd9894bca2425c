"""The version of a client, read from the lock file that pins it."""

import json
import re
import xml.etree.ElementTree as ElementTree

from clients import HERE, ROOT, Client, Go, Java, Node, OwnPython, Rust


def version_of(client: Client) -> str:
    folder, package = HERE / client.source, re.escape(client.version_of)
    if client.kind is Node:
        lock = json.loads((folder / "package-lock.json").read_text())
        return lock["packages"][f"node_modules/{client.version_of}"]["version"]
    if client.kind is Java:
        namespace = {"m": "http://maven.apache.org/POM/4.0.0"}
        return ElementTree.parse(folder / "pom.xml").findtext("m:properties/m:aws.version", namespaces=namespace)
    if client.kind is Go:
        pattern, path = rf"service/{package} v([\d.]+)", folder / "go.mod"
    elif client.kind is Rust:
        pattern, path = rf'name = "{package}"\nversion = "([\d.]+)"', folder / "Cargo.lock"
    else:
        path = folder / "requirements.txt" if client.kind is OwnPython else ROOT / "tools/python/requirements.txt"
        pattern = rf"^{package}==([\d.]+)"
    return re.search(pattern, path.read_text(), re.M)[1]
