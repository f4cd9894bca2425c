"""What an operator gets wrong, and what a host runs out of: each has a defined end, and a sentence that says the mend."""

import os
import pathlib
import re
import shutil
import socket
import subprocess

import pytest
from botocore.exceptions import ClientError

from support.deployment import BINARY, NOVA, eventually, records_of, script
from support.single import DOCUMENTS, Single


@pytest.fixture
def single(tmp_path):
    made = Single(tmp_path)
    yield made
    made.end()


def ask(single: Single, model: str = NOVA, **members) -> dict:
    return single.client().converse(modelId=model, messages=script(**members))


def refusal(single: Single, model: str = NOVA) -> tuple[int, str]:
    with pytest.raises(ClientError) as caught:
        ask(single, model)
    answer = caught.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]


# --- at the start -----------------------------------------------------------------------------------------------------

def test_a_port_that_is_taken(single):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", single.api))
        taken.listen()
        code, said = single.serve_refuses()
    assert code != 0 and str(single.api) in said


@pytest.mark.parametrize(("old", "new", "words"), [
    ("state_dir", "state_dri", ["tidegate.yaml", "3", "state_dri", "state_dir"]),
    ("slots: 4", "slots: many", ["tidegate.yaml", "5", "slots"]),
    ("eu-south-1", "eu-suoth-1", ["tidegate.yaml", "1", "eu-south-1"]),
    ("backend: scripted", "backend: scrpted", ["tidegate.yaml", "6", "scripted"]),
    ("amazon.nova-2-lite-v1:0", "amazon.nova-2-light", ["tidegate.yaml", "6", "catalogue"]),
])
def test_a_configuration_that_is_wrong(single, old, new, words):
    single.config.write_text(single.config.read_text().replace(old, new, 1))
    code, said = single.serve_refuses()
    assert code != 0
    for word in words:
        assert word in said, said


AUTHORITY = """\
[ca]
default_ca = old
[old]
database = index
serial = serial
new_certs_dir = .
default_md = sha256
policy = any
x509_extensions = names
[any]
commonName = supplied
[names]
subjectAltName = DNS:localhost
"""


def test_a_certificate_that_has_expired(single):
    for name, text in (("ca.cnf", AUTHORITY), ("index", ""), ("serial", "01\n")):
        (single.folder / name).write_text(text)
    for command in ("ecparam -name prime256v1 -genkey -noout -out old.key",
                    "req -new -key old.key -subj /CN=old -out old.csr",
                    "ca -batch -notext -config ca.cnf -selfsign -keyfile old.key -in old.csr -out old.pem"
                    " -startdate 20200101000000Z -enddate 20200201000000Z"):
        subprocess.run(["openssl", *command.split()], cwd=single.folder, check=True, capture_output=True)
    (single.folder / "old.key").chmod(0o600)
    with single.config.open("a") as config:
        config.write("tls: {api: {certificate: old.pem, key: old.key}}\n")
    code, said = single.serve_refuses()
    assert code != 0 and "old.pem" in said and re.search("expired|in force|over", said)


def test_a_model_server_that_is_dead_at_the_start(single):
    single.serve()
    single.apply()
    assert single.health() == 503
    assert refusal(single) == (503, "ServiceUnavailableException")
    single.start_model()
    eventually(lambda: single.health() == 200)
    assert ask(single)["stopReason"] == "end_turn"


# --- documents --------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("old", "new", "words"), [
    ('Action: "*"', 'Action: "*", Principal: "*"', ["documents.yaml", "3", "Principal"]),
    ('Effect: Allow', 'Effect: Perhaps', ["documents.yaml", "3", "Effect"]),
    ('policies: [everything]', 'policies: [everyting]', ["everyting"]),
    ('Resource: "*"', 'Resource: "*", Condition: {IpAddress: {"aws:SourceIp": "10.0.0.0/8"}}',
     ["documents.yaml", "3", "IpAddress"]),
])
def test_documents_that_are_wrong_leave_the_old_ones_in_force(single, old, new, words):
    single.start_model()
    single.serve()
    assert single.apply().returncode == 0
    eventually(lambda: single.health() == 200)
    done = single.apply(DOCUMENTS.replace(old, new, 1))
    assert done.returncode != 0
    for word in words:
        assert word in done.stdout + done.stderr, done.stderr
    assert ask(single)["stopReason"] == "end_turn"


POLICY = """\
policies:
  - name: everything
    document:
      Version: "2012-10-17"
      Statement:
        - {{Effect: Allow, Action: "*", Resource: "*"}}
        - {{Sid: TheFence, Effect: Deny, Action: "bedrock:InvokeModel*", Resource: "*", Condition: {condition}}}
"""


@pytest.mark.parametrize(("condition", "allowed"), [
    ('{StringEquals: {"aws:RequestedRegion": "eu-west-3"}}', False),        # a destination that nobody runs counts too
    ('{StringEquals: {"aws:RequestedRegion": "us-east-1"}}', True),
    ('{StringNotLike: {"aws:RequestedRegion": ["eu-*"]}}', True),
    ('{ArnLike: {"bedrock:InferenceProfileArn": "arn:aws:bedrock:*:*:inference-profile/eu.*"}}', False),
    ('{"Null": {"bedrock:InferenceProfileArn": "true"}}', True),
])
def test_a_policy_is_decided_for_every_destination_of_the_row(single, condition, allowed):
    single.start_model()
    single.serve()
    single.apply()
    eventually(lambda: single.health() == 200)
    assert ask(single)["stopReason"] == "end_turn"
    done = single.apply(POLICY.format(condition=condition))
    assert done.returncode == 0, done.stderr
    if allowed:
        assert ask(single)["stopReason"] == "end_turn"
        return
    with pytest.raises(ClientError) as caught:
        ask(single)
    error = caught.value.response["Error"]
    assert error["Code"] == "AccessDeniedException"
    assert "explicit deny" in error["Message"] and "TheFence" in error["Message"]


def test_a_key_that_is_switched_off(single):
    single.start_model()
    single.serve()
    single.apply()
    eventually(lambda: single.health() == 200)
    assert single.apply(DOCUMENTS.replace("keys: [{", "keys: [{active: off, ")).returncode == 0
    assert refusal(single)[0] == 403


def test_a_bare_id_without_a_server_here(single):
    single.serve()
    single.apply()
    assert refusal(single, "anthropic.claude-sonnet-4-5-20250929-v1:0") == (400, "ValidationException")


# --- what runs out ----------------------------------------------------------------------------------------------------

def mount(kind: str, image: pathlib.Path, folder: pathlib.Path) -> None:
    if kind == "tmpfs":
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)], check=True)
        return
    image.write_bytes(b"\0" * 16 * 2**20)
    if not shutil.which("mkfs.ext4"):
        pytest.skip("there is no mkfs.ext4")
    subprocess.run(["mkfs.ext4", "-q", "-m", "0", str(image)], check=True)
    if subprocess.run(["mount", "-o", "loop", str(image), str(folder)], check=False).returncode != 0:
        pytest.skip("this machine mounts no images")


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system needs root")
@pytest.mark.parametrize("kind", ["tmpfs", "ext4"])
def test_a_full_disk_refuses_before_any_work_and_recovers(tmp_path, kind):
    small = tmp_path / "small"
    small.mkdir()
    mount(kind, tmp_path / "image", small)
    single = Single(tmp_path, state="small")
    try:
        single.start_model()
        single.serve()
        single.apply()
        eventually(lambda: single.health() == 200)
        assert ask(single)["stopReason"] == "end_turn"
        filler = small / "filler"
        with filler.open("wb", buffering=0) as full, pytest.raises(OSError):
            while full.write(b"\0" * 4096) == 4096:
                pass
            full.write(b"\0" * 4096)
        answered = 0
        while answered < 60 and ask_or_none(single):  # what the newest segment has in reserve still takes records
            answered += 1
        assert answered < 60
        before = single.model_has_seen()["requests"]
        for _ in range(5):
            assert refusal(single) == (503, "ServiceUnavailableException")
        assert single.model_has_seen()["requests"] == before, "refused before the model is asked"
        eventually(lambda: single.health() == 503)
        filler.unlink()
        eventually(lambda: single.health() == 200)
        last = eventually(lambda: ask_or_none(single))
        found = [record["requestID"] for record in records_of(single.client("cloudtrail"), EventName="Converse")
                 if record.get("errorCode") is None]
        assert last["ResponseMetadata"]["RequestId"] in found
        assert len(found) == answered + 2, "every request that was answered has its record"
    finally:
        single.end()
        subprocess.run(["umount", str(small)], check=False)


def ask_or_none(single: Single) -> dict | None:
    try:
        return ask(single)
    except ClientError:
        return None


def test_check_says_all_mistakes_at_once(single):
    text = single.config.read_text().replace("slots: 4", "slots: 0").replace("region: eu-south-1", "region: nowhere")
    single.config.write_text(text)
    done = subprocess.run([str(BINARY), "check", "-c", str(single.config)], capture_output=True, text=True, timeout=20)
    assert done.returncode == 1 and "slots" in done.stderr and "nowhere" in done.stderr


def test_the_state_is_its_owners_alone(single):
    single.serve()
    single.apply()
    assert pathlib.Path(single.state).stat().st_mode & 0o077 == 0
