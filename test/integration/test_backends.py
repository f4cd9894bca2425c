"""Amazon Bedrock as the model server of a Region: another gateway stands in for AWS, over plain HTTP and over TLS by
name, and must not be able to tell who asks from an SDK."""

import subprocess

import pytest
from botocore.exceptions import ClientError, EventStreamError

from support.deployment import BINARY, MILAN, NOVA, eventually, script
from support.single import KEY, Single

BACKEND = """\
region: {region}
operator_domain: example.internal
state_dir: state
listen: {{api: "127.0.0.1:{api}"}}
backends:
  - {{name: aws, kind: bedrock, url: "{url}", access_key_id: {key}, secret_access_key: {secret}, slots: 4{more}}}
models: [{{id: "amazon.nova-2-lite-v1:0", backend: aws, served_as: "amazon.nova-2-lite-v1:0", name: real-nova}}]
"""


@pytest.fixture(scope="module", params=["http", "https"])
def pair(tmp_path_factory, request):
    """The gateway that clients call, and the one behind it."""
    behind, front = (Single(tmp_path_factory.mktemp(name)) for name in ("behind", "front"))
    url, more = f"http://127.0.0.1:{behind.api}", ""
    if request.param == "https":
        for arguments in (("init", "--operator-domain", "example.internal", "--regions", MILAN),
                          ("issue", "--region", MILAN)):
            subprocess.run([str(BINARY), "pki", *arguments], cwd=behind.folder, check=True, capture_output=True)
        authority, certificate, key = (next(behind.folder.glob(f"pki/**/{name}")) for name in
                                       ("api-ca.pem", "*api.pem", "*api.key"))
        with behind.config.open("a") as config:
            config.write(f'tls: {{api: {{certificate: "{certificate}", key: "{key}"}}}}\n')
        url, more = f"https://localhost:{behind.api}", f', trust_bundle: "{authority}"'
    behind.start_model()
    for gateway in (behind, front):
        if gateway is front:
            front.config.write_text(BACKEND.format(region=MILAN, api=front.api, url=url, key=KEY[0], secret=KEY[1],
                                                   more=more))
        gateway.serve()
        assert gateway.apply().returncode == 0, gateway.log()
        eventually(lambda gateway=gateway: gateway.health() == 200, 20)
    yield front, behind
    front.end()
    behind.end()


def test_a_whole_answer(pair):
    front, behind = pair
    answer = front.client().converse(modelId=NOVA, messages=script(answer="the tide is low"))
    assert answer["output"]["message"]["content"] == [{"text": "the tide is low"}]
    assert answer["stopReason"] == "end_turn" and answer["usage"]["outputTokens"] == 4
    assert answer["ResponseMetadata"]["HTTPHeaders"]["x-tidegate-model"] == "real-nova"


def test_a_stream(pair):
    front, _ = pair
    stream = front.client().converse_stream(modelId=NOVA, messages=script(answer="one two three", token_ms=5))["stream"]
    events = list(stream)
    text = "".join(event["contentBlockDelta"]["delta"]["text"] for event in events if "contentBlockDelta" in event)
    assert text.split() == ["one", "two", "three"]
    assert [next(iter(event)) for event in events if "contentBlockDelta" not in event] == [
        "messageStart", "contentBlockStop", "messageStop", "metadata"]
    assert events[-1]["metadata"]["usage"]["outputTokens"] == 3


def test_a_stream_that_breaks(pair):
    front, _ = pair
    stream = front.client().converse_stream(modelId=NOVA, messages=script(answer="one two three", break_after=2))
    with pytest.raises(EventStreamError) as caught:
        list(stream["stream"])
    assert caught.value.response["Error"]["Code"] == "modelStreamErrorException"


def test_what_the_gateway_behind_cannot_do(pair):
    front, behind = pair
    with pytest.raises(ClientError) as caught:
        front.client().count_tokens(modelId=NOVA, input={"converse": {"messages": script()}})
    error = caught.value.response["Error"]
    assert error["Code"] == "ValidationException" and "doesn't support counting tokens" in error["Message"]


def test_nothing_but_the_region_itself_is_asked(pair, tmp_path):
    front, _ = pair
    wrong = Single(tmp_path)
    wrong.config.write_text(front.config.read_text().replace('served_as: "amazon', 'served_as: "eu.amazon'))
    code, said = wrong.serve_refuses()
    assert code != 0 and "served_as" in said and "bare id" in said
