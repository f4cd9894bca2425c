"""Certificates and authorities that change while gateways run, and who is let in on the link between two Regions: judged
by openssl's own tools, with certificates that openssl makes."""

import contextlib
import json
import pathlib
import signal
import subprocess
import sys

import pytest
from botocore.exceptions import SSLError

from support.deployment import FRANKFURT, MILAN, NOVA, ROOT, eventually, script
from support.pair import DOMAIN, Pair

sys.path.insert(0, str(ROOT / "test"))
from drills.rotation import drill  # noqa: E402

ROTATIONS = 10


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    made = Pair(tmp_path_factory.mktemp("pair")).prepare()
    try:
        yield made.start()
    finally:
        made.end()


def test_no_request_is_lost_by_rotations_and_reloads(pair):
    shown = {gateway: (gateway.shown_on(gateway.api), gateway.shown_on(gateway.peer))
             for gateway in (pair.milan, pair.frankfurt)}
    outcome = drill(pair, ROTATIONS, interval=1)
    print(outcome)
    assert outcome.failures == []
    assert outcome.rotations == outcome.reloads == ROTATIONS
    assert outcome.unary > 0 and outcome.streams > 0
    assert outcome.ran_in[FRANKFURT] > 0, "the links carried some"
    for gateway, before in shown.items():
        assert gateway.shown_on(gateway.api) != before[0] and gateway.shown_on(gateway.peer) != before[1]
    logs = pair.milan.log() + pair.frankfurt.log()
    assert "peer_link_down" not in logs
    assert "AttestationMissing" not in logs and "AttestationRefused" not in logs
    prove_hops(pair, outcome)


def prove_hops(pair, outcome):
    """Every hop is signed for, by keys that the certificates of the time endorsed; an auditor has kept the authorities."""
    kept = pair.milan.folder / "kept.pem"
    kept.write_text("".join(outcome.authorities))

    def report() -> dict:
        said = pair.milan.tidegate("audit", "verify", "state/audit", "--domain", DOMAIN, "--trust", f"{MILAN}={kept}",
                                   "--trust", f"{FRANKFURT}={pair.frankfurt.ca}", "-o", "json")
        return json.loads(said)
    eventually(lambda: report()["attestations"]["pending"] == 0)
    proven = report()
    assert proven["attestations"]["proven"] >= outcome.ran_in[FRANKFURT] and proven["attestations"]["missing"] == 0
    assert proven["endorsements"] > 1, "the key was endorsed anew"


# --- who is let in, told by openssl -----------------------------------------------------------------------------------

def openssl(folder: pathlib.Path, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess:
    return subprocess.run(["openssl", *arguments], cwd=folder, capture_output=True, input=stdin, timeout=20)


def leaf(pair, folder: pathlib.Path, san: str, *extensions: str, authority=None) -> tuple[str, str]:
    """A certificate with this subject alternative name, signed by an authority of Milan's as it is."""
    folder.mkdir(exist_ok=True)
    authority = authority or pair.milan
    lines = [f"subjectAltName={san}", *(extensions or ("basicConstraints=critical,CA:FALSE",
                                                       "keyUsage=critical,digitalSignature",
                                                       "extendedKeyUsage=serverAuth,clientAuth"))]
    (folder / "extensions").write_text("\n".join(lines) + "\n")
    for command in (("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "key.pem",
                     "-subj", "/O=stranger", "-out", "request.pem"),
                    ("x509", "-req", "-in", "request.pem", "-CA", str(authority.ca), "-CAkey",
                     str(authority.pki_file("ca.key")), "-CAcreateserial", "-days", "1", "-extfile", "extensions", "-out",
                     "leaf.pem")):
        done = openssl(folder, *command)
        assert done.returncode == 0, done.stderr.decode()
    return str(folder / "leaf.pem"), str(folder / "key.pem")


@contextlib.contextmanager
def link(gateway, certificate: str | None, key: str | None, *more: str):
    """openssl as the dialling end of a link; gives its standard output and the gateway's first frame, if one came."""
    mine = ["-cert", certificate, "-key", key] if certificate else []
    client = subprocess.Popen(["openssl", "s_client", "-connect", f"127.0.0.1:{gateway.peer}", "-alpn", "h2", "-quiet",
                               *mine, *more], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        client.stdin.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0")
        client.stdin.flush()
        yield client.stdout, client.stdout.read(9)
    finally:
        client.kill()
        client.communicate()


def dial(gateway, certificate: str | None, key: str | None, *more: str) -> bool:
    """Whether a gateway's peer port completes the handshake and speaks HTTP/2: its SETTINGS come."""
    with link(gateway, certificate, key, *more) as (_, first):
        return first[3:4] == b"\4"


SPIFFE = f"spiffe://{MILAN}.{DOMAIN}/gw/1"
NAMES = {
    "its own": (f"URI:{SPIFFE}", True),
    "another node of its own": (f"URI:spiffe://{MILAN}.{DOMAIN}/gw/2", True),
    "two SANs": (f"URI:{SPIFFE},URI:spiffe://{MILAN}.{DOMAIN}/gw/2", False),
    "the same SAN twice": (f"URI:{SPIFFE},URI:{SPIFFE}", False),
    "another Region's": (f"URI:spiffe://{FRANKFURT}.{DOMAIN}/gw/1", False),
    "upper case": (f"URI:spiffe://{MILAN.upper()}.{DOMAIN}/gw/1", False),
    "upper-case scheme": (f"URI:SPIFFE://{MILAN}.{DOMAIN}/gw/1", False),
    "an IDN look-alike": (f"URI:spiffe://xn--eu-outh-1-9bf.{DOMAIN}/gw/1", False),
    "percent-encoded": (f"URI:spiffe://{MILAN}.{DOMAIN}/gw%2f1", False),
    "percent-encoded host": (f"URI:spiffe://eu%2dsouth-1.{DOMAIN}/gw/1", False),
    "a port": (f"URI:spiffe://{MILAN}.{DOMAIN}:443/gw/1", False),
    "no path": (f"URI:spiffe://{MILAN}.{DOMAIN}", False),
    "a query": (f"URI:{SPIFFE}?x", False),
    "a DNS name only": (f"DNS:{MILAN}.{DOMAIN}", False),
    "a subdomain": (f"URI:spiffe://x.{MILAN}.{DOMAIN}/gw/1", False),
}


@pytest.mark.parametrize("name", NAMES)
def test_a_peer_is_one_uri_of_its_own_region(pair, tmp_path, name):
    san, welcome = NAMES[name]
    certificate, key = leaf(pair, tmp_path, san)
    assert dial(pair.frankfurt, certificate, key) is welcome


def der_with_nul(san: str) -> str:
    """A subject alternative name of one URI with a NUL in it, as openssl's configuration takes raw DER."""
    uri = san.encode()
    names = b"\x86" + bytes([len(uri)]) + uri
    return "DER:" + (b"\x30" + bytes([len(names)]) + names).hex(":")


@pytest.mark.parametrize("uri", [f"{SPIFFE}\0.evil.example", f"spiffe://{MILAN}.{DOMAIN}\0.evil/gw/1", f"\0{SPIFFE}"])
def test_a_nul_in_the_name_ends_nothing(pair, tmp_path, uri):
    certificate, key = leaf(pair, tmp_path, der_with_nul(uri))
    assert not dial(pair.frankfurt, certificate, key)


def test_frankfurts_authority_cannot_speak_for_milan(pair, tmp_path):
    certificate, key = leaf(pair, tmp_path, f"URI:{SPIFFE}", authority=pair.frankfurt)
    assert not dial(pair.frankfurt, certificate, key)


def test_an_authority_of_a_region_signs_no_other_authority(pair, tmp_path):
    """Path length 0: what it signs can sign nothing."""
    middle = leaf(pair, tmp_path / "middle", f"URI:spiffe://{MILAN}.{DOMAIN}", "basicConstraints=critical,CA:TRUE",
                  "keyUsage=critical,keyCertSign")
    folder = tmp_path / "leaf"
    folder.mkdir()
    (folder / "extensions").write_text(f"subjectAltName=URI:{SPIFFE}\nkeyUsage=critical,digitalSignature\n")
    openssl(folder, "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "key.pem",
            "-subj", "/O=stranger", "-out", "request.pem")
    openssl(folder, "x509", "-req", "-in", "request.pem", "-CA", middle[0], "-CAkey", middle[1], "-CAcreateserial",
            "-days", "1", "-extfile", "extensions", "-out", "leaf.pem")
    assert not dial(pair.frankfurt, str(folder / "leaf.pem"), str(folder / "key.pem"), "-cert_chain", middle[0])


def test_without_a_certificate_and_below_tls_1_3_nobody_comes_in(pair, tmp_path):
    mine = str(pair.milan.pki_file("1-peer.pem")), str(pair.milan.pki_file("1-peer.key"))
    assert dial(pair.frankfurt, *mine)
    assert not dial(pair.frankfurt, None, None)
    assert not dial(pair.frankfurt, *mine, "-tls1_2")


def session(gateway, folder: pathlib.Path, port: int, name: str, *more: str) -> str:
    """What s_client says of one session; it keeps the ticket, if one comes, in a file of that name."""
    peer = ["-alpn", "h2", "-cert", str(gateway.pki_file("1-peer.pem")), "-key", str(gateway.pki_file("1-peer.key"))]
    ask = b"GET /health HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"
    return openssl(folder, "s_client", "-connect", f"127.0.0.1:{port}", "-sess_out", name, *more,
                   *(peer if port != gateway.api else []), stdin=ask).stdout.decode(errors="replace")


def test_links_give_no_tickets_and_take_no_early_data(pair, tmp_path):
    said = session(pair.milan, tmp_path, pair.frankfurt.peer, "ticket")
    assert "New, TLSv1.3" in said and "New Session Ticket" not in said
    assert "Max Early Data: 0" in said or "Max Early Data" not in said


def test_a_ticket_of_the_public_port_ends_with_its_certificate(pair, tmp_path):
    milan = pair.milan
    wait = ["-ign_eof"]  # until the gateway closes: its tickets have come by then
    assert "New, TLSv1.3" in session(milan, tmp_path, milan.api, "ticket", *wait)
    again = session(milan, tmp_path, milan.api, "other", "-sess_in", "ticket", *wait)
    assert "Reused, TLSv1.3" in again, "the test can see a resumption"
    assert "Max Early Data: 0" in again
    milan.rotate()
    assert "New, TLSv1.3" in session(milan, tmp_path, milan.api, "other", "-sess_in", "ticket", *wait)


# --- how new ones are taken ------------------------------------------------------------------------------------------

def test_old_trust_goes_with_the_next_rotation(pair, tmp_path):
    milan, frankfurt = pair.milan, pair.frankfurt
    old = leaf(pair, tmp_path, f"URI:{SPIFFE}")

    def carry() -> str:
        frankfurt.take_bundle_of(milan)
        return frankfurt.reload()
    assert "Announced" in milan.rotate("--authority")
    assert f"trusts {MILAN} by 2 authorities" in carry()
    assert "Switched" in milan.rotate("--authority")
    carry()
    assert dial(frankfurt, *old), "links of before are still good"
    with link(frankfurt, *old) as (frames, first):
        assert first[3:4] == b"\4"
        milan.rotate()
        assert f"trusts {MILAN} by 1 authority" in carry()
        assert not dial(frankfurt, *old)
        assert b"\x07" in frames.read(), "it was told to go (GOAWAY), and the connection ended"
    eventually(milan.link_is_up)
    eventually(frankfurt.link_is_up)


def test_clients_of_the_old_public_authority_are_served_until_the_switch(pair, tmp_path):
    milan = pair.milan
    old, both = tmp_path / "old.pem", tmp_path / "both.pem"
    old.write_bytes(milan.public_ca.read_bytes())

    def serves(ca: pathlib.Path) -> bool:
        try:
            return milan.client(ca=ca).converse(modelId=NOVA, messages=script())["stopReason"] == "end_turn"
        except SSLError:
            return False
    assert "Announced" in milan.rotate("--public-authority")
    both.write_bytes(milan.public_ca.read_bytes())
    milan.rotate()  # certificates may be rotated meanwhile
    assert serves(old) and serves(both)
    connected = milan.client(ca=old)
    connected.converse(modelId=NOVA, messages=script())
    before = milan.shown_on(milan.api)
    assert "Switched" in milan.rotate("--public-authority")
    assert milan.shown_on(milan.api) != before, "without a restart"
    assert serves(both) and not serves(old)
    connected.converse(modelId=NOVA, messages=script())  # its connection goes on
    assert "Retired" in milan.rotate("--public-authority")
    assert serves(milan.public_ca) and serves(both) and not serves(old)
    assert len(both.read_bytes()) > len(milan.public_ca.read_bytes())
    said = milan.tidegate("pki", "rotate", "--region", MILAN, "--authority", "--public-authority", fails=True)
    assert "excludes" in said


def test_a_pair_that_does_not_fit_leaves_the_old_one_in_force(pair):
    milan = pair.milan
    before = milan.shown_on(milan.peer)
    certificate = milan.pki_file("1-peer.pem")
    kept = certificate.read_bytes()
    certificate.write_bytes(pair.frankfurt.pki_file("1-peer.pem").read_bytes())
    try:
        said = milan.tidegate("pki", "reload", "--home", "state", fails=True)
        assert "keeps its certificates as they were" in said and "mend" in said
    finally:
        certificate.write_bytes(kept)
    assert milan.shown_on(milan.peer) == before and milan.link_is_up()
    assert "CertificatesRefused" in milan.log()


def test_sighup_takes_new_certificates_as_well(pair):
    milan = pair.milan
    before = milan.shown_on(milan.peer)
    milan.tidegate("pki", "rotate", "--region", MILAN)
    assert milan.shown_on(milan.peer) == before, "nobody has told it"
    milan.gateway.send_signal(signal.SIGHUP)
    eventually(lambda: milan.shown_on(milan.peer) != before)


def test_keys_are_private_or_systemds(pair):
    milan = pair.milan
    key, credentials = milan.pki_file("1-peer.key"), milan.folder / "credentials"
    key.chmod(0o640)
    try:
        said = milan.tidegate("pki", "reload", "--home", "state", fails=True)
        assert "can be read by others" in said and "chmod 600" in said
        assert "can be read by others" in milan.tidegate("check", "-c", "tidegate.yaml", fails=True)
        credentials.mkdir(exist_ok=True)
        (credentials / "tls.peer.key").write_bytes(key.read_bytes())
        (credentials / "tls.peer.key").chmod(0o440)
        key.chmod(0o000)
        done = subprocess.run(["env", f"CREDENTIALS_DIRECTORY={credentials}", str(ROOT / "build/release/src/cli/tidegate"),
                               "check", "-c", "tidegate.yaml"], cwd=milan.folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    finally:
        key.chmod(0o600)
