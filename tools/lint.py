"""The rules of the house that no compiler checks. Prints file:line: what is wrong, and how to mend it; exits 1 on any.

- A file of src/A includes only modules of a lower rank (cmake/tidegate_module.cmake has the table) and its own.
- Asio only in net/. Clocks, randomness, threads and sockets only where the ports are implemented.
- A header, or a source without one, opens with a comment that says why it exists; lines fit in 100 columns; files stay
  readable.
- A public header takes an enum class, not a bool, as a parameter.
- A module has a README of at most 10 lines; relative links in Markdown files lead somewhere.
"""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
COLUMNS_MAX = 100
FILE_LINES_MAX = 450
README_LINES_MAX = 10

PORT_MODULES = {"net", "store", "cli"}  # where the outside world is allowed in
# Pattern, the modules or files that may, and what to use instead.
FORBIDDEN = [
    (re.compile(r"#\s*include\s*<boost/asio"), {"net"}, "Asio stays in net/: declare a port and implement it there"),
    (re.compile(r"\b(system_clock|steady_clock|high_resolution_clock)::now\b|\b(gettimeofday|clock_gettime)\s*\("),
     PORT_MODULES | {"base/time.hpp", "base/log.cpp"}, "time comes from the Clock port"),
    (re.compile(r"#\s*include\s*<random>|\brandom_device\b|\bstd::mt19937|\bRAND_bytes\b|\bgetrandom\s*\("),
     PORT_MODULES | {"base/rng.cpp"}, "random numbers come from the Rng port"),
    (re.compile(r"#\s*include\s*<(thread|future)>|\bstd::(jthread|thread|async)\b|\bpthread_create\b"),
     PORT_MODULES, "domain code has no threads"),
    (re.compile(r"#\s*include\s*<(sys/socket|netinet/in|arpa/inet|sys/un|netdb)\.h>"),
     PORT_MODULES, "sockets stay in net/"),
    (re.compile(r"\busleep\s*\(|this_thread::sleep"), PORT_MODULES, "wait with the loop's timers"),
    (re.compile(r"\bstd::(cout|cerr)\b|\bprintf\s*\("), {"cli"}, "log through base/log.hpp"),
]
INCLUDE = re.compile(r'#\s*include\s*"([a-z_0-9]+)/')
BOOL_PARAMETER = re.compile(r"^\s[^=;{]*\w[\w>&*\]]*\s+\w+\((?:[^()]*,\s*)?(?:const\s+)?bool\s+\w+\s*[,)=]")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s#]+)(?:#[^)]*)?\)")


def tracked(*patterns: str) -> list[pathlib.Path]:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", "--", *patterns]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def ranks() -> dict[str, int]:
    text = (ROOT / "cmake/tidegate_module.cmake").read_text()
    table = re.search(r"set\(TIDEGATE_RANKS(.*?)\)", text, re.S)
    return {name: int(rank) for name, rank in re.findall(r"(\w+):(\d+)", table.group(1))}


class Findings:
    def __init__(self) -> None:
        self.count = 0

    def add(self, path: pathlib.Path, line: int, message: str) -> None:
        self.count += 1
        print(f"{path.relative_to(ROOT)}:{line}: {message}")


def check_source(path: pathlib.Path, rank_of: dict[str, int], findings: Findings) -> None:
    lines = path.read_text().splitlines()
    relative = path.relative_to(ROOT)
    test = path.stem.endswith(("_test", "_bench")) or path.stem.startswith(("test_", "fake_"))
    explained = test or path.with_suffix(".hpp").exists() and path.suffix == ".cpp"
    if not explained and (not lines or not lines[0].startswith("//")):
        findings.add(path, 1, "it opens with 2-6 comment lines that say why it exists")
    if len(lines) > FILE_LINES_MAX * (1.5 if test else 1):
        findings.add(path, FILE_LINES_MAX, f"{len(lines)} lines: split it along its responsibilities")
    raw = False  # inside a raw string: recorded bytes, which are data and stay as they came
    for number, line in enumerate(lines, 1):
        begins, ends = 'R"' in line, ')"' in line
        if len(line) > COLUMNS_MAX and "http" not in line and not begins and not raw:
            findings.add(path, number, f"{len(line)} columns: at most {COLUMNS_MAX}")
        raw = line.rfind('R"') > line.rfind(')"') if begins else raw and not ends
    if relative.parts[0] != "src" or len(relative.parts) < 3:
        return
    module = relative.parts[1]
    if module not in rank_of:
        findings.add(path, 1, f"module '{module}' has no rank in cmake/tidegate_module.cmake")
        return
    for number, line in enumerate(lines, 1):
        code = line.split("//")[0]
        included = INCLUDE.search(code)
        if included and included[1] != module:
            other = rank_of.get(included[1])
            if other is None or other >= rank_of[module]:
                findings.add(path, number, f"src/{module} may not include src/{included[1]}: it is not of a lower rank")
        for pattern, allowed, instead in FORBIDDEN:
            here = {module, f"{module}/{path.name}"}
            if not test and pattern.search(code) and not allowed & here:
                findings.add(path, number, instead)
        if path.suffix == ".hpp" and BOOL_PARAMETER.search(code):
            findings.add(path, number, "a bool parameter says nothing at the call: use an enum class")


def check_modules(findings: Findings) -> None:
    for folder in sorted((ROOT / "src").iterdir()):
        if not folder.is_dir():
            continue
        readme = folder / "README.md"
        if not readme.exists():
            findings.add(readme, 1, "a module says in at most 10 lines what it is for")
        elif len(readme.read_text().splitlines()) > README_LINES_MAX:
            findings.add(readme, README_LINES_MAX, f"at most {README_LINES_MAX} lines")


def check_links(path: pathlib.Path, findings: Findings) -> None:
    in_code = False
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if line.startswith("```"):
            in_code = not in_code
        for target in [] if in_code else LINK.findall(line):
            if "://" not in target and not target.startswith("mailto:") and not (path.parent / target).exists():
                findings.add(path, number, f"the link to {target} leads nowhere")


def main() -> int:
    findings = Findings()
    rank_of = ranks()
    for path in tracked("*.cpp", "*.hpp"):
        check_source(path, rank_of, findings)
    check_modules(findings)
    for path in tracked("*.md"):
        check_links(path, findings)
    print(f"lint: {findings.count} findings" if findings.count else "lint: nothing to mend")
    return 1 if findings.count else 0


if __name__ == "__main__":
    sys.exit(main())
