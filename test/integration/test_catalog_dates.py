"""Dates of a signed catalogue, by real gateways and their clock: a model that ends, and a finding of adequacy that ends."""

import datetime
import json

import pytest
from botocore.exceptions import ClientError

from support.admin import admin_get
from support.deployment import eventually, headers_of, script
from support.switzerland import LUGANO, MODEL, OWN, PROFILE, tidegate

NEXT = "acme.next-v1:0"
NEXT_PROFILE = f"ch.{NEXT}"
UTC = datetime.timezone.utc


def now() -> datetime.datetime:
    return datetime.datetime.now(UTC)


def ending(end: datetime.datetime, legacy: datetime.datetime) -> dict:
    """The model ends then, and has a successor."""
    dates = {"legacy": f"{legacy:%Y-%m-%dT%H:%M:%SZ}", "endOfLife": f"{end:%Y-%m-%dT%H:%M:%SZ}", "successor": NEXT}
    model = OWN["models"][0]
    return {"models": [model | {"lifecycle": dates}, model | {"id": NEXT, "name": "Next"}],
            "profiles": [OWN["profiles"][0], OWN["profiles"][0] | {"id": NEXT_PROFILE, "model": NEXT}]}


def refusal(call, **arguments) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return caught.value.response["Error"]["Code"], caught.value.response["Error"]["Message"]


def test_a_profile_is_legacy_until_its_date_and_then_gone(switzerland, signers):
    geneva, _ = switzerland
    runtime, bedrock = geneva.client(), geneva.client("bedrock")
    assert "x-tidegate-lifecycle" not in headers_of(runtime.converse(modelId=PROFILE, messages=script()))
    after, legacy, seconds = signers.folder / "epoch-1.json", now().replace(microsecond=0), 4
    while True:  # on a host so slow that the date came before all was looked at, with more time
        end = now().replace(microsecond=0) + datetime.timedelta(seconds=seconds)
        after = signers.bundle(ending(end, legacy), f"ends-{seconds}", after=after)
        geneva.apply(after, f"--accept-widening={NEXT_PROFILE}@1")
        told = headers_of(runtime.converse(modelId=PROFILE, messages=script())).get("x-tidegate-lifecycle", "")
        facts = bedrock.get_foundation_model(modelIdentifier=MODEL)["modelDetails"]["modelLifecycle"]
        described = bedrock.get_inference_profile(inferenceProfileIdentifier=PROFILE)
        if now() < end:
            break
        seconds *= 4
    assert told == (f"LEGACY since {legacy:%Y-%m-%dT%H:%M:%SZ}, served until {end:%Y-%m-%dT%H:%M:%SZ}, "
                    f"successor {NEXT_PROFILE}")
    assert (facts["status"], facts["legacyTime"], facts["endOfLifeTime"]) == ("LEGACY", legacy, end)
    assert described["status"] == "ACTIVE" and told in described["description"]

    def gone() -> bool:
        try:
            runtime.converse(modelId=PROFILE, messages=script())
            return False
        except ClientError:
            return True
    eventually(gone, seconds + 30, every=0.25)
    code, message = refusal(runtime.converse, modelId=PROFILE, messages=script())
    assert code == "ValidationException" and message.startswith("The provided model identifier is invalid.")
    assert f"reached its end of life at {end:%Y-%m-%dT%H:%M:%SZ}" in message and f"its successor is {NEXT_PROFILE}." in message
    code, message = refusal(runtime.converse, modelId=MODEL, messages=script())
    assert code == "ValidationException" and f"its successor is {NEXT}." in message
    assert refusal(bedrock.get_inference_profile, inferenceProfileIdentifier=PROFILE)[0] == "ResourceNotFoundException"
    assert refusal(bedrock.get_foundation_model, modelIdentifier=MODEL)[0] == "ResourceNotFoundException"
    listed = bedrock.list_inference_profiles()["inferenceProfileSummaries"]
    assert [summary["inferenceProfileId"] for summary in listed] == [NEXT_PROFILE]


def adequate(days: int) -> dict:
    until = now().date() + datetime.timedelta(days=days)
    return {"regions": [OWN["regions"][0], OWN["regions"][1] | {"adequacy": {"until": str(until), "review": "2026-12-24"}}]}


def alarms(gateway) -> list[dict]:
    events = admin_get(str(gateway.socket), "/v1/service-events")["events"]
    return [event["serviceEventDetails"] for event in events if event["eventName"] == "AdequacyEnds"]


def test_adequacy_that_ends_soon_is_an_alarm(switzerland, signers):
    geneva, _ = switzerland
    far = signers.bundle(adequate(200), "far", after=signers.folder / "epoch-1.json")
    geneva.apply(far)
    metric = f'tidegate_adequacy_days_left{{region="{LUGANO}"}}'
    eventually(lambda: any(f"{metric} {days}\n" in geneva.metrics() for days in (199, 200)))
    assert alarms(geneva) == [] and "adequacy" not in tidegate("status", "--socket", geneva.socket).stdout

    near = signers.bundle(adequate(100), "near", after=far)
    geneva.apply(near)
    event, = eventually(lambda: alarms(geneva))
    assert event["region"] == LUGANO and event["daysLeft"] in (99, 100) and event["review"] == "2026-12-24"
    assert any(f"{metric} {days}\n" in geneva.metrics() for days in (99, 100))
    assert "AdequacyEnds" in geneva.log()
    sentence = f"the adequacy of {LUGANO} ends with {event['until']}"
    assert sentence in tidegate("status", "--socket", geneva.socket).stdout
    assert sentence in tidegate("catalog", "show", "--socket", geneva.socket).stdout
    assert f"the adequacy of {LUGANO} (Lugano) ends with {event['until']}" in tidegate("catalog", "show", near).stdout
    assert json.loads(tidegate("catalog", "show", near, "-o", "json").stdout)["adequacyEnds"][0]["region"] == LUGANO
    assert geneva.in_force()["adequacyEnds"][0]["until"] == event["until"]

    geneva.stop_gateway()
    geneva.serve()
    eventually(lambda: len(alarms(geneva)) == 2)  # at every load
    assert {alarm["region"] for alarm in alarms(geneva)} == {LUGANO}
    assert geneva.client().converse(modelId=PROFILE, messages=script())["stopReason"] == "end_turn", "it is no rule"
