"""Real traffic without any global grant, and who dialled whom: `tidegate replay` overloads Milan while London calls, and the
packets of every host are counted. Milan shares no row with London in which London is a destination: it never dials it."""

import json
import pathlib
import subprocess

import referee
from support.deployment import FRANKFURT, LONDON, MILAN, ROOT, eventually
from world import ADDRESSES, API, BINARY, CLAUDE, DUBLIN, KEY, PEER, Gateway, Network

REGIONS = (MILAN, FRANKFURT, DUBLIN, LONDON)
CITIES = {MILAN: "Milan", FRANKFURT: "Frankfurt", DUBLIN: "Dublin", LONDON: "London"}
TRACE = ROOT / "examples/traces/azure-conv-2023.csv"
PROFILE = f"eu.{CLAUDE}"
ANSWER_MS = 150  # of each scripted answer: with two slots a Region, 90 % of what three can do is twice what Milan can
LINKS = {(MILAN, FRANKFURT), (MILAN, DUBLIN), (FRANKFURT, MILAN), (FRANKFURT, DUBLIN), (DUBLIN, MILAN),
         (DUBLIN, FRANKFURT), (LONDON, MILAN), (LONDON, FRANKFURT), (LONDON, DUBLIN)}  # by the rows of the library


class Result:
    def __init__(self) -> None:
        self.lines: list[str] = []
        self.failures: list[str] = []

    def check(self, what: str, holds: bool) -> None:
        self.lines.append(f"  {'holds' if holds else 'FAILED'}: {what}")
        if not holds:
            self.failures.append(what)


def start(network: Network) -> None:
    for region in REGIONS:
        network.add(Gateway, region)
    for region in REGIONS:
        peers = {name: (ADDRESSES[name], PEER) for name in REGIONS if name != region}
        network.hosts[region].configure(network.pki, peers, slots=2, more="global_profiles: off")
        network.hosts[region].serve((), network.keys, "--delay-ms", str(ANSWER_MS))
    for region in REGIONS:
        eventually(network.hosts[region].ready, 60)
    network.apply(*REGIONS)
    for source, destination in LINKS:
        eventually(lambda: network.hosts[source].links()[destination] == "up", 20)
    (network.folder / "env.json").write_text(json.dumps({
        "regions": {name: {"url": f"http://{ADDRESSES[name]}:{API}",
                           "admin_socket": str(network.hosts[name].folder / "state/admin.sock")} for name in REGIONS},
        "keys": {"demo": {"access_key_id": KEY[0], "secret_access_key": KEY[1]}}}))


def replay(network: Network, source: str, load: float) -> subprocess.Popen:
    host = network.hosts[source]
    command = ["ip", "netns", "exec", host.namespace, str(BINARY), "replay", "--trace", str(TRACE), "--from", source,
               "--profile", PROFILE, "--minutes", "0.2", "--load", str(load), "--home", str(network.folder)]
    with (host.folder / "replay.out").open("wb") as out:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)


def run(folder: pathlib.Path, pki: pathlib.Path) -> Result:
    result = Result()
    folder.mkdir()
    with Network(folder, pki) as network:
        start(network)
        milan, london = replay(network, MILAN, 0.9), replay(network, LONDON, 0.3)
        codes = {MILAN: milan.wait(180), LONDON: london.wait(180)}
        spilled = {name: network.hosts[name].model()["requests"] for name in REGIONS}
    dialled: dict[tuple[str, str, int], int] = {}
    for region in REGIONS:
        for (caller, called, port), octets in referee.conversations(network.hosts[region]).items():
            if caller == region:  # each conversation is in two captures: counted at who dialled
                dialled[caller, called, port] = octets
    for source, code in codes.items():
        said = (network.hosts[source].folder / "replay.out").read_text(errors="replace").splitlines()
        result.lines += [f"  {CITIES[source]}: {line.strip()}" for line in said if "outside" in line or "records" in line]
        result.check(f"tidegate replay --from {source} ends well: a record for each request, none outside its row", code == 0)
    result.lines.append("  caller -> called: bytes on the wire, both ways, TLS and all; requests that the model server ran")
    for (caller, called, port), octets in sorted(dialled.items()):
        result.lines.append(f"  {CITIES.get(caller, caller):9} -> {CITIES.get(called, called):9} port {port}: {octets:,}")
    result.lines.append("  ran: " + ", ".join(f"{CITIES[name]} {count}" for name, count in spilled.items()))
    pairs = {(caller, called) for caller, called, _ in dialled}
    result.check("Milan never dialled London, and nobody else did", not any(called == LONDON for _, called in pairs))
    result.check("nobody dialled anybody but the destinations of its rows, on the port of links",
                 pairs <= LINKS and {port for *_, port in dialled} == {PEER})
    result.check("Milan was overloaded: Frankfurt and Dublin helped", spilled[FRANKFURT] > 0 and spilled[DUBLIN] > 0)
    return result
