"""Runs the cases with clients that nobody here wrote and prints which of them work.

  python test/clients/run.py [--only NAME,...] [--quick | --rest] [--cases TEXT,...] [--matrix FILE] [--list]

Without --only all of them run, with --quick those of `./do test`, with --rest the others. Exit code 1 if a case failed.
The virtual environment of `./do` has what this program needs; it installs the clients' own packages under
.tidegate/clients, pinned by lock files.
"""

import argparse
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import cases_control  # noqa: E402
import cases_doors  # noqa: E402
import cases_runtime  # noqa: E402
from case import Case  # noqa: E402
from clients import CLIENTS, Client, Kind, Missing  # noqa: E402
from gateways import Gateways  # noqa: E402
from judge import Wrong, judge  # noqa: E402
from versions import version_of  # noqa: E402

CLIENT_SECONDS = 300  # for all cases of one client


def all_cases() -> list[Case]:
    found = [*cases_runtime.cases(), *cases_control.cases(), *cases_doors.cases()]
    names = [case.name for case in found]
    assert len(set(names)) == len(names), f"two cases of one name: {sorted(n for n in names if names.count(n) > 1)}"
    return found


def message_for(case: Case, client: Client, gateways: Gateways) -> dict:
    """The case as the client gets it, with the end point and the names that are known only now."""
    text = json.dumps(case.message())
    for name, value in (("client", client.name), ("case", case.name), ("account", gateways.account(case))):
        text = text.replace("${" + name + "}", value)
    return {**json.loads(text), "endpoint": gateways.endpoint(case)}


def needs(case: Case) -> set[str]:
    """The cases whose answers its request names."""
    return set(re.findall(r"\$\{([a-z_.]+)\.[A-Za-z]+\}", json.dumps(case.request)))


def observe(client: Client, kind: Kind, cases: list[Case], gateways: Gateways) -> tuple[dict, str]:
    """Observation by case name, and what the program said on standard error."""
    messages = json.dumps({"cases": [message_for(case, client, gateways) for case in cases]})
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "OPENAI_", "ANTHROPIC_"))}
    ca = gateways.demo.region().ca  # by each runtime's own name for it
    trust = {"NODE_EXTRA_CA_CERTS": ca, "SSL_CERT_FILE": ca}
    process = subprocess.Popen(
        kind.command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
        env={**kept, **kind.environment(), **trust, "AWS_EC2_METADATA_DISABLED": "true"})
    try:
        out, err = process.communicate(messages, timeout=CLIENT_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        out, err = process.communicate()
        err += f"\nended after {CLIENT_SECONDS} s"
    except SystemExit:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    lines = (json.loads(line) for line in out.splitlines() if line.startswith("{"))
    return {line["case"]: line for line in lines}, err.strip()


def verdicts(client: Client, cases: list[Case], observations: dict, err: str) -> dict[str, dict]:
    out = {}
    for case in cases:
        seen = observations.get(case.name)
        if seen is None:
            out[case.name] = {"result": "FAIL", "why": f"the client printed nothing; {err[-300:]}"}
        elif "unsupported" in seen:
            out[case.name] = {"result": "n/a", "why": seen["unsupported"]}
        else:
            try:
                judge(case, seen, client.dialect)
                out[case.name] = {"result": "ok"} | ({"error": seen["error"]} if "error" in seen else {})
            except Wrong as wrong:
                out[case.name] = {"result": "FAIL", "why": str(wrong)}
            except (KeyError, TypeError, ValueError, AttributeError) as odd:
                out[case.name] = {"result": "FAIL", "why": f"{type(odd).__name__}: {odd} in {json.dumps(seen)[:300]}"}
    return out


def print_matrix(cases: list[Case], results: dict[str, dict]) -> None:
    names = list(results)
    width = max(len(case.name) for case in cases)
    print("\n" + " " * width + "  " + "  ".join(names))
    for case in cases:
        cells = [results[name].get(case.name, {"result": "-"})["result"].ljust(len(name)) for name in names]
        if any(cell.strip() != "-" for cell in cells):
            print(case.name.ljust(width) + "  " + "  ".join(cells).rstrip())
    reasons: dict[tuple[str, str], list[str]] = {}
    for name in names:
        for case, verdict in results[name].items():
            if verdict["result"] == "n/a":
                reasons.setdefault((name, verdict["why"]), []).append(case)
    print("\nn/a: what a client does not offer ('-': another API than the client's)")
    for (name, why), which in reasons.items():
        print(f"  {name}: {why} ({len(which)})")
    failed = [(name, case, verdict) for name in names for case, verdict in results[name].items()
              if verdict["result"] == "FAIL"]
    if failed:
        print("\nFAIL")
        for name, case, verdict in failed:
            print(f"  {name}  {case}: {verdict['why']}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", help="clients, by name, separated by commas")
    parser.add_argument("--quick", action="store_true", help="the clients of ./do test")
    parser.add_argument("--rest", action="store_true", help="the other ones, which CI adds")
    parser.add_argument("--cases", help="only cases whose name holds one of these texts, separated by commas")
    parser.add_argument("--matrix", type=pathlib.Path, help="write the results there, as JSON")
    parser.add_argument("--list", action="store_true", help="name clients and cases, run nothing")
    arguments = parser.parse_args()
    wanted = arguments.only.split(",") if arguments.only else [
        client.name for client in CLIENTS
        if (client.quick or not arguments.quick) and not (client.quick and arguments.rest)]
    if unknown := set(wanted) - {client.name for client in CLIENTS}:
        known = ", ".join(client.name for client in CLIENTS)
        parser.error(f"no client {', '.join(sorted(unknown))}; there are {known}")
    clients = [client for client in CLIENTS if client.name in wanted]
    texts = arguments.cases.split(",") if arguments.cases else [""]
    cases = [case for case in all_cases() if any(text in case.name for text in texts)]
    if arguments.list:
        print("\n".join([client.name for client in clients] + [case.name for case in cases]))
        return 0

    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended before it was done"))  # by way of every `finally`
    kinds, skipped, broken = prepare(clients)
    gateways = Gateways()
    results: dict[str, dict] = {}
    try:
        gateways.start()
        for client in clients:
            if client.name in kinds:
                started = time.monotonic()
                spoken = {case.name for case in cases if case.api in client.speaks}
                own = [case for case in cases if case.name in spoken and needs(case) <= spoken]
                results[client.name] = verdicts(client, own, *observe(client, kinds[client.name], own, gateways))
                print(f"{client.title} {version_of(client)}: {time.monotonic() - started:.1f} s", flush=True)
    finally:
        gateways.stop(keep=bool(os.environ.get("TIDEGATE_KEEP")))
    print_matrix(cases, results)
    for name, why in skipped.items():
        print(f"\nskipped: {name}: {why}")
    for name, why in broken.items():
        print(f"\nFAIL: {name} could not be installed: {why}")
    if arguments.matrix:
        arguments.matrix.parent.mkdir(parents=True, exist_ok=True)
        arguments.matrix.write_text(json.dumps(report(cases, clients, results, skipped), indent=1,
                                               ensure_ascii=False) + "\n")
    count = lambda word: sum(v["result"] == word for r in results.values() for v in r.values())  # noqa: E731
    failed = count("FAIL") + len(broken)
    print(f"\n{count('ok')} passed, {failed} failed, {count('n/a') + len(skipped)} skipped", flush=True)
    return 1 if failed or not count("ok") else 0


def prepare(clients: list[Client]) -> tuple[dict[str, Kind], dict[str, str], dict[str, str]]:
    """The clients that can run; those whose toolchain is not here; those that could not be installed."""
    kinds, skipped, broken = {}, {}, {}
    for client in clients:
        kind = client.kind(client)
        try:
            kind.prepare()
            kinds[client.name] = kind
        except Missing as why:
            skipped[client.name] = str(why)
        except (RuntimeError, OSError) as why:
            broken[client.name] = str(why)
    return kinds, skipped, broken


def report(cases: list[Case], clients: list[Client], results: dict, skipped: dict) -> dict:
    return {"clients": [{"name": client.name, "title": client.title, "version": version_of(client),
                         "transport": client.transport} for client in clients if client.name in results],
            "skipped": skipped,
            "cases": [{"case": case.name, "operation": case.operation, "field": case.field, "stream": case.stream,
                       "refused": case.error is not None,
                       "results": {name: found[case.name] for name, found in results.items() if case.name in found}}
                      for case in cases]}


if __name__ == "__main__":
    sys.exit(main())
