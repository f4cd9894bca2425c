"""The deployment under attack: Milan is the source, Frankfurt and Dublin are in its row, London and Zurich are not.

Milan, Frankfurt, London and Zurich are real gateways. Dublin's host was taken by attackers: they hold its certificate and
key. Global profiles are granted everywhere but in Zurich, so that links to London are up and only the layers stand between
it and Milan's payload. PIRATE serves, for a Region each, the certificates that nobody should believe, and Milan is
configured to dial them.
"""

import json
import pathlib
from collections.abc import Callable

from certificates import LOOK_ALIKES, ONLY_THE_CHAIN, Store
from link import Impostor, Reply, Request
from support.deployment import FRANKFURT, LONDON, MILAN, NOVA, ROOT, eventually
from world import DUBLIN, PEER, PIRATE, ZURICH, ADDRESSES, Gateway, Host, Network

REAL = (MILAN, FRANKFURT, LONDON, ZURICH)
# One Region for each certificate that an impostor shows; none of them is deployed otherwise.
ROLES = ("eu-north-1", "eu-south-2", "eu-west-3", "ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1",
         "ap-south-2", "ap-southeast-1", "ap-southeast-2", "ap-southeast-3", "ap-southeast-4", "ca-central-1", "ca-west-1",
         "me-central-1", "sa-east-1", "us-east-1", "us-west-2")
REGIONS_WITH_AUTHORITIES = (*REAL, DUBLIN, *ROLES)


def make_store(pki: pathlib.Path, folder: pathlib.Path) -> Store:
    store = Store(pki, folder)
    store.make("source: ", MILAN, ZURICH, LOOK_ALIKES)
    for region, name in zip(ROLES, LOOK_ALIKES, strict=True):
        store.make(f"{region}: ", region, LONDON, [name])
    return store


class Deployment(Network):
    """Started with some layers off everywhere, and with other catalogues than the built-in one: planted in some Regions, or
    signed, as everybody's configuration says (`signed`, YAML)."""

    def __init__(self, folder: pathlib.Path, store: Store, off: tuple[str, ...],
                 planted: dict[str, pathlib.Path] | None = None, signed: str = "") -> None:
        super().__init__(folder, store.pki)
        self.store, self.off, self.planted, self.signed = store, off, planted or {}, signed
        self.seen: dict[str, set[str]] = {}
        self.able: tuple[str, ...] | None = None
        library = json.loads((ROOT / "src/catalog/profiles.json").read_text())
        self.commercial_regions = [region["id"] for region in library["regions"] if region["partition"] == "aws"]
        self.reply: Callable[[Request], Reply] | None = None  # of Dublin

    def __enter__(self) -> "Deployment":
        super().__enter__()
        try:
            self.begin()
        except BaseException:
            self.__exit__()
            raise
        return self

    def begin(self) -> None:
        for region in REAL:
            self.add(Gateway, region)
        for name in (DUBLIN, PIRATE):
            self.add(Host, name)
        self.dublin = Impostor(self.hosts[DUBLIN].listen(PEER), self.certificate(DUBLIN), self.keys,
                               lambda request: self.reply(request))
        self.pirates = {name: (region, Impostor(self.hosts[PIRATE].listen(PEER + 1 + i),
                                                self.certificate(f"{region}: {name}"), self.keys))
                        for i, (region, name) in enumerate(zip(ROLES, LOOK_ALIKES, strict=True))}
        deployed = {region: (ADDRESSES[region], PEER) for region in (*REAL, DUBLIN)}
        for region in REAL:
            peers = {name: place for name, place in deployed.items() if name != region}
            if region == MILAN:
                peers |= {role: (ADDRESSES[PIRATE], PEER + 1 + i) for i, role in enumerate(ROLES)}
            self.hosts[region].planted = self.planted.get(region)
            grant = "off" if region == ZURICH else "on"
            self.hosts[region].configure(self.pki, peers, slots=4, more=f"global_profiles: {grant}\n{self.signed}")
            self.hosts[region].serve(self.off, self.keys)
        for region in REAL:
            eventually(self.hosts[region].ready, 60)
        self.apply(*REAL)
        self.links_are_up()

    def links_are_up(self) -> None:
        """Those of Milan, after a start."""
        for peer in (FRANKFURT, DUBLIN, LONDON):
            eventually(lambda: self.hosts[MILAN].links()[peer] == "up", 20)

    def __exit__(self, *exception: object) -> None:
        for impostor in (getattr(self, "dublin", None), *(one for _, one in getattr(self, "pirates", {}).values())):
            if impostor:
                impostor.close()
        super().__exit__(*exception)

    def regions(self) -> list[Gateway]:
        return [self.hosts[name] for name in REAL]

    def certificate(self, name: str) -> tuple[str, str]:
        return self.store.get(name)

    def new_violations(self, region: str) -> list[str]:
        """Of its GeofenceViolation events those that were not there when this was last asked: "side:rule"."""
        known = self.seen.setdefault(region, set())
        new = []
        for event in self.hosts[region].admin("/v1/service-events")["events"]:
            if event["eventID"] not in known and event["eventName"] == "GeofenceViolation":
                details = event["serviceEventDetails"]
                new.append(f"{details['side']}:{details['rule']}")
            known.add(event["eventID"])
        return new

    def verdict_on(self, region: str) -> str | None:
        """What Milan's router would say of it now; None where it need not ask, since Milan has room."""
        considered = self.hosts[MILAN].admin(f"/v1/route?profile={NOVA}")["considered"]
        return next((one["verdict"] for one in considered if one["region"] == region), None)

    def only(self, *able: str) -> None:
        """Of Milan's candidates only these have room: model servers of the others are sick, Dublin says it drains."""
        if able == self.able:
            return
        self.able = able
        for region in (MILAN, FRANKFURT, LONDON):
            self.hosts[region].model("ok" if region in able else "sick")
        drains = {"draining": True}
        self.dublin.report_changes = {} if DUBLIN in able else drains
        for name, (_, impostor) in self.pirates.items():
            # Without the link's layer nothing tells these apart from the Region itself (README).
            expected_through = name in ONLY_THE_CHAIN and self.off == ("link",)
            impostor.report_changes = {} if PIRATE in able and not expected_through else drains
        expected = {region: region in able for region in (FRANKFURT, LONDON)}

        def settled() -> bool:
            here = json.loads(self.hosts[MILAN].http(7100, "GET", "/health")[1])
            if (here["backendsReady"] == here["backends"]) != (MILAN in able):
                return False
            peers = {peer["region"]: peer for peer in self.hosts[MILAN].admin("/v1/status")["peers"]}
            verdict = self.verdict_on(DUBLIN)
            if verdict and (verdict == "draining") == (DUBLIN in able):
                return False
            return all(any(model["ready"] for model in peers[name]["models"]) == ready
                       for name, ready in expected.items())
        eventually(settled, 20)
