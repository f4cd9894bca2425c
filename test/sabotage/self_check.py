"""What has to get out when every layer is off: if the referee did not see it then, its silence elsewhere would mean nothing."""

import dataclasses
import pathlib

import referee
from case import Trial
from cases_routing import GLOBAL
from certificates import Store
from deployment import Deployment
from support.deployment import LONDON, MILAN, NOVA
from world import LAYERS, PIRATE


@dataclasses.dataclass
class Checked:
    lines: list[str] = dataclasses.field(default_factory=list)
    passed: int = 0
    failed: int = 0

    def expect(self, what: str, seen: bool) -> None:
        self.lines.append(f"{what}: {'seen' if seen else 'NOT SEEN'}")
        self.passed += seen
        self.failed += not seen


def run(folder: pathlib.Path, store: Store) -> Checked:
    checked = Checked()
    with Deployment(folder, store, LAYERS) as deployment:
        deployment.only(LONDON)
        honest, lying, impostor, written = (Trial(deployment) for _ in range(4))
        answered = deployment.hosts[MILAN].invoke(NOVA, honest.canary)
        checked.expect("an honest source, sabotaged: London answers", answered.region == LONDON)
        with lying.link(LONDON) as link:
            body = lying.body()
            link.execute([link.sealed(lying.token(LONDON, body))], body)
        deployment.only(PIRATE)
        deployment.hosts[MILAN].invoke(GLOBAL, impostor.canary)
        (deployment.hosts[LONDON].folder / "spilled.log").write_text(f"x {written.canary} x")
    canaries = [trial.canary for trial in (honest, lying, impostor, written)]
    seen = {(sighting.canary, sighting.host, sighting.where)
            for name in (LONDON, PIRATE)
            for sighting in referee.seen(deployment.hosts[name], deployment.keys, canaries)}
    checked.expect("an honest source, sabotaged: the payload, decrypted, on London's wire",
                   (honest.canary, LONDON, "wire") in seen)
    checked.expect("an honest source, sabotaged: the payload at London's back-end",
                   (honest.canary, LONDON, "back-end") in seen)
    checked.expect("a lying source before a sabotaged London: the payload on its back-end's loopback",
                   (lying.canary, LONDON, "back-end") in seen)
    checked.expect("an impostor with another CA's certificate: the payload, decrypted, on its wire",
                   (impostor.canary, PIRATE, "wire") in seen)
    checked.expect("a payload in a file: found", (written.canary, LONDON, "spilled.log") in seen)
    return checked
