"""A lying source: attackers with Milan's real certificate and key, who write tokens themselves. Frankfurt is in Milan's row
and must take nothing but a whole and fresh token; London is not, and must take none at all."""

import base64
import os
import struct
import time

from case import EU_ROW, Case, Failed, Trial
from link import (
    EXECUTE, TOKEN_FIELDS, TOKEN_LABEL, TRAILER_LABEL, canonical, front, packed, row_hash, seal, token)
from support.deployment import FRANKFURT, LONDON, MILAN, NOVA
from support.wire import read_answer, request_bytes
from world import API, DUBLIN, LAYERS, PIRATE, ZURICH

GLOBAL = "global.amazon.nova-2-lite-v1:0"


def altered(trial: Trial, region: str, rules: tuple[str, ...], **changed) -> str:
    """A whole token of these members, sealed with the link's own secret."""
    body = trial.body()
    with trial.link(region) as link:
        answer = link.execute([link.sealed(trial.token(region, body, **changed))], body)
    return trial.refused_and_noticed(region, answer, *rules)


def raw(trial: Trial, rule: str, make) -> str:
    """`make(link, good token)` gives the tokens as they go out, each with its length in front, or the octets that stand
    in their place."""
    body = trial.body()
    with trial.link(FRANKFURT) as link:
        made = make(link, trial.token(FRANKFURT, body))
        answer = link.execute(made, body) if isinstance(made, list) else link.execute([], made + body)
    return trial.refused_and_noticed(FRANKFURT, answer, rule)


def broken_texts() -> dict:
    """Tokens that no honest source would write, from the link and a good token, by the rule that refuses them."""
    def sealed_octets(make):
        return lambda link, good: [seal(TOKEN_LABEL, make(good), link.secret)]

    def with_octets(make):
        return lambda link, good: [make(link.sealed(good))]
    good_octets = lambda good: packed(TOKEN_FIELDS, good)  # noqa: E731
    return {
        "no_token": {
            "none at all": lambda link, good: [],
            "of no length": lambda link, good: [b""],
            "shorter than it says": lambda link, good: struct.pack(">H", 4096) + link.sealed(good),
            "longer than any may be": lambda link, good: struct.pack(">H", 4097) + bytes(4097),
        },
        "mac": {
            "without the octets of its length": lambda link, good: link.sealed(good),
            "in text, as in a header": with_octets(base64.b64encode),
            "forged: a MAC of chance": lambda link, good: [os.urandom(400)],
            "forged: sealed with zeros": lambda link, good: [seal(TOKEN_LABEL, good_octets(good), bytes(32))],
            "truncated by one octet": with_octets(lambda octets: octets[:-1]),
            "truncated to its first half": with_octets(lambda octets: octets[:200]),
            "with octets after its end": with_octets(lambda octets: octets + b"\x80\x80"),
            "one bit changed": with_octets(lambda octets: bytes([octets[0] ^ 1]) + octets[1:]),
            "not sealed, as JSON": lambda link, good: [canonical(good)],
            "foreign: sealed as a trailer": lambda link, good: [seal(TRAILER_LABEL, good_octets(good), link.secret)],
        },
        "malformed": {
            "sealed, as JSON": sealed_octets(canonical),
            "sealed with an octet too many": sealed_octets(lambda good: good_octets(good) + b"\0"),
            "sealed with an octet too few": sealed_octets(lambda good: good_octets(good)[:-1]),
            "a text that is not UTF-8": sealed_octets(lambda good: good_octets(good | {"src": b"eu-south-1\xff"})),
            "a list longer than any row": sealed_octets(lambda good: good_octets(good | {"subset": [""] * 300})),
            "its fields out of order": sealed_octets(lambda good: packed(TOKEN_FIELDS[:1] + TOKEN_FIELDS[:0:-1], good)),
            "without a traceparent": lambda link, good: front(link.sealed(good), b""),
            "with a line of HTTP for a traceparent": lambda link, good: front(
                link.sealed(good), b"00-trace\r\nx-forwarded-for: 10.77.0.4\r\n".ljust(55, b"0")),
            "of another protocol": sealed_octets(lambda good: good_octets(good | {"v": 2})),
        },
    }


def replayed(trial: Trial) -> str:
    body = trial.body()
    with trial.link(FRANKFURT) as link:
        sealed = link.sealed(trial.token(FRANKFURT, body))
        end = 2 + len(sealed)
        first = link.execute([sealed], body, cuts=(1, 2, 3, end - 1, end + 3, end + 58))  # in pieces, it is as good
        if first[":status"] != "200":
            raise Failed(f"a good token was refused: {first}")
        return trial.refused_and_noticed(FRANKFURT, link.execute([sealed], body), "replayed")


def replayed_by_id(trial: Trial) -> str:
    """The same id in another token, for another body."""
    body, other = trial.body(), trial.body(tokens=2)
    with trial.link(FRANKFURT) as link:
        made = trial.token(FRANKFURT, body)
        link.execute([link.sealed(made)], body)
        again = trial.token(FRANKFURT, other, jti=made["jti"])
        return trial.refused_and_noticed(FRANKFURT, link.execute([link.sealed(again)], other), "replayed")


def stolen(trial: Trial) -> str:
    """Made for one link, used on another, by the same Region even."""
    body = trial.body()
    with trial.link(FRANKFURT) as first, trial.link(FRANKFURT) as second:
        answer = second.execute([first.sealed(trial.token(FRANKFURT, body))], body)
    return trial.refused_and_noticed(FRANKFURT, answer, "mac")


def stolen_by_another(trial: Trial) -> str:
    """Milan's token in the hands of Dublin, on Dublin's own link."""
    body = trial.body()
    with trial.link(FRANKFURT, DUBLIN, DUBLIN) as link:
        answer = link.execute([link.sealed(trial.token(FRANKFURT, body))], body)
    return trial.refused_and_noticed(FRANKFURT, answer, "source_mismatch")


def two_of_them(trial: Trial) -> str:
    """The second is a part of the body that the first is not about."""
    body = trial.body()
    with trial.link(FRANKFURT) as link:
        made = link.sealed(trial.token(FRANKFURT, body))
        answer = link.execute([made, made], body)
    return trial.refused_and_noticed(FRANKFURT, answer, "body_hash")


def swapped_body(trial: Trial) -> str:
    body = trial.body()
    with trial.link(FRANKFURT) as link:
        answer = link.execute([link.sealed(trial.token(FRANKFURT, b"{}"))], body)
    return trial.refused_and_noticed(FRANKFURT, answer, "body_hash")


def to_the_public_port(trial: Trial) -> str:
    """The same on the port of clients, where there is no link."""
    body = trial.body()
    with trial.deployment.hosts[PIRATE].connect(trial.deployment.hosts[LONDON], API) as client:
        client.sendall(request_bytes("POST", EXECUTE, {"host": "x"}, front(b"x") + body))
        answer = read_answer(client)
    if answer.status < 400:
        raise Failed(f"answered {answer.status} {answer.body[:80]!r}")
    return f"refused: status {answer.status}"


def without_a_grant(trial: Trial) -> str:
    """Zurich was granted no global profile, and shares no row in force with Milan: it does not even report."""
    with trial.link(ZURICH) as link:
        status = link.reports_status()
    if status == 200:
        raise Failed("Zurich reported to Milan")
    return f"reports refused ({status}); {trial.noticed(ZURICH, 'no_shared_row')}"


def to_zurich(trial: Trial, rules: tuple[str, ...], **changed) -> str:
    body = trial.body()
    everywhere = sorted(trial.deployment.commercial_regions)
    made = token(GLOBAL, everywhere, MILAN, ZURICH, body, **changed)
    with trial.link(ZURICH) as link:
        answer = link.execute([link.sealed(made)], body)
    return trial.refused_and_noticed(ZURICH, answer, *rules)


def members() -> list[tuple[str, tuple[str, ...], dict]]:
    """What is changed in an otherwise good token for Frankfurt, and the rules that may refuse it."""
    now = int(time.time() * 1000)
    return [
        ("expired a minute ago", ("expired",), {"exp": now - 120_000}),
        ("living for a year", ("expired",), {"exp": now + 365 * 86_400_000}),
        ("of another source", ("source_mismatch",), {"src": DUBLIN}),
        ("for another destination", ("wrong_destination",), {"dst": DUBLIN}),
        ("of another model", ("model",), {"model": "amazon.nova-pro-v1:0"}),
        ("of a profile nobody knows", ("unknown_profile",), {"profile": "eu.amazon.nova-9-v1:0"}),
        ("of another profile's row", ("row_hash",), {"profile": "eu.amazon.nova-lite-v1:0"}),
        ("of a bare model", ("unknown_profile",), {"profile": "amazon.nova-2-lite-v1:0"}),
        ("of an application profile", ("unknown_profile",), {"profile": "arn:aws:bedrock:eu-south-1:1:application/x"}),
        ("of another version", ("row_version",), {"pv": 2}),
        ("of version 0", ("row_version",), {"pv": 0}),
        ("with another row's hash", ("row_hash",), {"row": row_hash(NOVA, 1, MILAN, [*EU_ROW, LONDON])}),
        ("with a row's hash of zeros", ("row_hash",), {"row": "0" * 64}),
        ("narrowed past Frankfurt", ("not_in_subset",), {"subset": [DUBLIN]}),
        ("narrowed to more than the row", ("subset_widens",), {"subset": [FRANKFURT, LONDON]}),
        ("without an id", ("malformed",), {"jti": ""}),
        ("without a request's id", ("malformed",), {"rid": ""}),
        ("with a member left out", ("malformed",), {"subset": None}),
    ]


def outside() -> list[tuple[str, tuple[str, ...], dict]]:
    """Tokens for London. The row's own rule refuses them, and so does the door's where admission is off."""
    widened = row_hash(NOVA, 1, MILAN, [*EU_ROW, LONDON])
    here = ("no_row_to_here",)
    return [
        ("by Milan's true row", ("not_in_row", *here), {}),
        ("by a row widened to London", ("row_hash", *here), {"row": widened}),
        ("narrowed to London alone", ("not_in_row", *here), {"subset": [LONDON]}),
        ("by London's own row", ("source_mismatch", *here), {"src": LONDON}),
        ("by a profile of the United States", ("no_row", "row_hash", *here), {"profile": "us.amazon.nova-2-lite-v1:0"}),
        ("by a profile nobody knows", ("unknown_profile", *here), {"profile": "uk.amazon.nova-2-lite-v1:0"}),
        ("in the name of no profile", ("unknown_profile", *here), {"profile": ""}),
    ]


NOT_ADMISSION = ("proof", "row", "signer", "link")


def lie(kind: str, name: str, run, layers: tuple[str, ...] = LAYERS, liar: str = PIRATE) -> Case:
    return Case(kind, name, run, layers, liar=liar)


def cases() -> list[Case]:
    made = []
    for rule, texts in broken_texts().items():
        for name, make in texts.items():
            made.append(lie("token", name, lambda trial, rule=rule, make=make: raw(trial, rule, make)))
    for name, rules, changed in members():
        # Only admission reads the meaning of these; without it they run in Frankfurt, which is inside.
        layers = LAYERS if rules == ("malformed",) else NOT_ADMISSION
        made.append(lie("token", name, lambda trial, r=rules, c=changed: altered(trial, FRANKFURT, r, **c), layers))
    for name, rules, changed in outside():
        made.append(lie("lying source", f"to London {name}",
                        lambda trial, r=rules, c=changed: altered(trial, LONDON, r, **c)))
    return made + [
        lie("token", "replayed", replayed, NOT_ADMISSION),
        lie("token", "its id in another token", replayed_by_id, NOT_ADMISSION),
        lie("token", "stolen: another link's", stolen),
        lie("token", "stolen: another Region's", stolen_by_another, NOT_ADMISSION, liar=DUBLIN),
        lie("token", "two of them", two_of_them, NOT_ADMISSION),
        lie("token", "body swapped after signing", swapped_body, NOT_ADMISSION),
        lie("lying source", "to London's public port", to_the_public_port),
        lie("lying source", "asks Zurich for reports", without_a_grant),
        lie("lying source", "to Zurich by a global row without its grant",
            lambda trial: to_zurich(trial, ("global_not_granted", "no_row_to_here"))),
        lie("lying source", "to Zurich by Milan's row",
            lambda trial: altered(trial, ZURICH, ("not_in_row", "no_row_to_here"))),
    ]
