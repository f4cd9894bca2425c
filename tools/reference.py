"""Writes docs/reference/ from the program itself: what it says about its commands and its configuration is what it does.

With --check nothing is written; exits 1 if a page is out of date (a test asks).
"""

import argparse
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
BINARY = ROOT / "build/release/src/cli/tidegate"
PAGES = ROOT / "docs/reference"


def tidegate(*arguments: str) -> str:
    environment = {**os.environ, "PATH": f"{BINARY.parent}{os.pathsep}{os.environ['PATH']}"}
    return subprocess.run(["tidegate", *arguments], env=environment, check=True, capture_output=True, text=True).stdout


def subcommands(help_text: str) -> list[str]:
    _, _, listed = help_text.partition("Subcommands:\n")
    return re.findall(r"^  (\w[\w-]*)  ", listed, re.M)


def section(path: list[str]) -> str:
    text = tidegate(*path, "--help").rstrip()
    lines = [line.rstrip() for line in text.splitlines()]
    page = f"{'#' * (1 + len(path))} tidegate {' '.join(path)}\n\n```\n" + "\n".join(lines) + "\n```\n"
    return page + "".join("\n" + section([*path, name]) for name in subcommands(text))


def cli_page() -> str:
    whole = tidegate("--help").rstrip()
    page = "# Commands\n\nGenerated from `tidegate --help` by `./do docs`.\n\n```\n"
    page += "\n".join(line.rstrip() for line in whole.splitlines()) + "\n```\n"
    return page + "".join("\n" + section([name]) for name in subcommands(whole))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    stale = []
    for name, text in (("cli.md", cli_page()), ("configuration.md", tidegate("check", "--print-reference"))):
        path = PAGES / name
        if path.exists() and path.read_text() == text:
            continue
        stale.append(name)
        if not check:
            PAGES.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    if stale:
        print(f"docs/reference: {'out of date, run ./do docs' if check else 'written'}: {', '.join(stale)}")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
