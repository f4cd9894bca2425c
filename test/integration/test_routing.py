"""Where requests go: home first, into the row when home is full, nowhere else; and what a caller sees when parts fail."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError, EventStreamError

from support.deployment import (DUBLIN, FRANKFURT, LONDON, MILAN, NOVA, REGIONS, eventually, headers_of,
                                inference_region, records_of, script)

EU = [MILAN, FRANKFURT, DUBLIN]  # deployed destinations of Milan's row
SONNET = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"


def together(calls) -> list:
    """Runs the calls at the same time; exceptions are results."""
    def result(call):
        try:
            return call()
        except ClientError as error:
            return error
    with ThreadPoolExecutor(max_workers=max(1, len(calls))) as pool:
        return list(pool.map(result, calls))


def ask(bedrock, model: str = NOVA, **members) -> dict:
    return bedrock.converse(modelId=model, messages=script(**members))


def count_by(items) -> dict:
    return {item: items.count(item) for item in set(items)}


def test_home_serves_while_it_has_room(bedrock):
    answers = [ask(bedrock, answer="at home") for _ in range(5)]
    assert [inference_region(answer) for answer in answers] == [MILAN] * 5
    assert answers[0]["output"]["message"]["content"] == [{"text": "at home"}]
    assert headers_of(answers[0])["x-tidegate-route-reason"] == "source_first"


def test_four_at_once_with_two_slots_spill_into_the_row(bedrock):
    answers = together([lambda: ask(bedrock, delay_ms=700) for _ in range(4)])
    where = count_by([inference_region(answer) for answer in answers])
    assert where.pop(MILAN) == 2
    assert sum(where.values()) == 2 and set(where) <= {FRANKFURT, DUBLIN}
    reasons = {headers_of(answer)["x-tidegate-route-reason"] for answer in answers}
    assert reasons == {"source_first", "source_full"}


def test_a_stream_spills_too(bedrock):
    def stream():
        answer = bedrock.converse_stream(modelId=NOVA, messages=script(tokens=8, token_ms=60))
        kinds = [next(iter(event)) for event in answer["stream"]]
        assert kinds.count("contentBlockDelta") == 8 and kinds[-1] == "metadata"
        return answer
    answers = together([stream for _ in range(4)])
    assert count_by([inference_region(answer) for answer in answers])[MILAN] == 2


def test_it_comes_home_again(bedrock):
    together([lambda: ask(bedrock, delay_ms=300) for _ in range(4)])
    time.sleep(0.3)
    assert inference_region(ask(bedrock)) == MILAN


def test_a_bare_model_id_stays_at_home(bedrock):
    answers = together([lambda: ask(bedrock, "amazon.nova-2-lite-v1:0", delay_ms=300) for _ in range(4)])
    assert {inference_region(answer) for answer in answers} == {MILAN}


def test_milan_never_uses_london_and_nobody_gets_more_than_its_slots(regions, bedrock):
    before = regions.control(LONDON)["requests"]
    answers = together([lambda: ask(bedrock, delay_ms=250) for _ in range(24)])
    assert {inference_region(answer) for answer in answers} <= set(EU)
    assert regions.control(LONDON)["requests"] == before
    for name in EU:
        assert regions.control(name)["running_peak"] <= 2


def test_london_uses_its_own_row(regions):
    london = regions.client("bedrock-runtime", LONDON)
    answers = together([lambda: ask(london, SONNET, delay_ms=500) for _ in range(6)])
    where = count_by([inference_region(answer) for answer in answers])
    assert where[LONDON] == 2 and set(where) <= {LONDON, *EU} and len(where) > 1


def test_more_than_the_row_can_run_waits(bedrock):
    answers = together([lambda: ask(bedrock, delay_ms=400) for _ in range(10)])
    assert all(isinstance(answer, dict) for answer in answers), answers


def test_a_full_row_refuses_after_a_bounded_wait(regions, bedrock):
    """Six slots taken for longer than the wait of ten seconds: the seventh is told when to come back."""
    with ThreadPoolExecutor(max_workers=6) as pool:
        held = [pool.submit(ask, bedrock, delay_ms=14_000) for _ in range(6)]
        eventually(lambda: sum(regions.control(name)["running"] for name in EU) == 6)
        started = time.monotonic()
        with pytest.raises(ClientError) as caught:
            ask(bedrock)
        waited = time.monotonic() - started
        [future.result() for future in held]
    error = caught.value.response
    assert (error["ResponseMetadata"]["HTTPStatusCode"], error["Error"]["Code"]) == (503, "ServiceUnavailableException")
    assert 8 < waited < 13
    assert int(headers_of(error)["retry-after"]) >= 1 and int(headers_of(error)["x-amz-retry-after"]) >= 1


@pytest.mark.parametrize("mode", ["refuse", "cut", "garbage"])
def test_a_failing_model_server_costs_nobody_an_error(regions, bedrock, mode):
    regions.control(MILAN, mode)
    answers = [ask(bedrock) for _ in range(4)]
    assert {inference_region(answer) for answer in answers} <= {FRANKFURT, DUBLIN}


def test_a_sick_model_server_is_not_asked(regions, bedrock):
    regions.control(MILAN, "sick")
    def moved():
        answer = ask(bedrock)
        return headers_of(answer)["x-tidegate-route-reason"] == "source_unhealthy" and answer
    assert inference_region(eventually(moved)) in (FRANKFURT, DUBLIN)
    regions.control(MILAN, "ok")
    eventually(lambda: inference_region(ask(bedrock)) == MILAN)


def test_attempts_are_in_the_record(regions, bedrock, cloudtrail):
    regions.control(MILAN, "cut")
    answer = ask(bedrock)
    record, = [r for r in records_of(cloudtrail, EventName="Converse")
               if r["requestID"] == answer["ResponseMetadata"]["RequestId"]]
    assert record["additionalEventData"]["inferenceRegion"] == inference_region(answer)
    attempts = record["tidegate"]["attempts"]
    assert [attempt["region"] for attempt in attempts] == [MILAN, inference_region(answer)]


def test_the_models_own_refusal_is_passed_on(bedrock):
    with pytest.raises(ClientError) as caught:
        ask(bedrock, status=400)
    assert caught.value.response["Error"]["Code"] in ("ValidationException", "ModelErrorException")


def test_a_stream_that_breaks_ends_in_an_exception_and_runs_once(regions, bedrock):
    before = {name: regions.control(name)["requests"] for name in REGIONS}
    answer = bedrock.converse_stream(modelId=NOVA, messages=script(tokens=6, break_after=3, token_ms=5))
    pieces = []
    with pytest.raises(EventStreamError) as caught:
        for event in answer["stream"]:
            if "contentBlockDelta" in event:
                pieces.append(event["contentBlockDelta"]["delta"]["text"])
    assert len(pieces) == 3
    assert caught.value.response["Error"]["Code"] in ("modelStreamErrorException", "serviceUnavailableException")
    after = {name: regions.control(name)["requests"] for name in REGIONS}
    assert sum(after.values()) == sum(before.values()) + 1, "nothing is executed again after its first byte"


def test_a_client_that_leaves_cancels_the_work_at_home_and_abroad(regions):
    def start_streams(count: int) -> list:
        clients = [regions.client("bedrock-runtime") for _ in range(count)]
        return [client.converse_stream(modelId=NOVA, messages=script(tokens=4000, token_ms=20)) for client in clients]
    streams = start_streams(4)
    assert len({inference_region(stream) for stream in streams}) > 1, "two of them run abroad"
    before = sum(regions.control(name)["cancelled"] for name in EU)
    for stream in streams:
        stream["stream"].close()
    eventually(lambda: sum(regions.control(name)["cancelled"] for name in EU) == before + 4)
    eventually(lambda: all(regions.control(name)["running"] == 0 for name in EU))


def test_what_the_model_is_asked(regions, bedrock):
    bedrock.converse(  # a bare id: it runs in Milan, even while Milan still thinks that its slots are taken
        modelId=NOVA.removeprefix("eu."), system=[{"text": "Be brief."}],
        messages=[{"role": "user", "content": [{"text": "one"}]}, {"role": "assistant", "content": [{"text": "two"}]},
                  {"role": "user", "content": [{"text": "three"}]}],
        inferenceConfig={"maxTokens": 9, "temperature": 0.5, "topP": 0.25, "stopSequences": ["END"]},
        additionalModelRequestFields={"inferenceConfig": {"topK": 20}})
    asked = regions.control(MILAN)["last_request"]
    assert [message["role"] for message in asked["messages"]] == ["system", "user", "assistant", "user"]
    assert asked["model"] == "smollm2" and asked["temperature"] == 0.5 and asked["top_p"] == 0.25
    assert asked["top_k"] == 20 and asked["stop"] == ["END"]
    assert 9 in (asked.get("max_tokens"), asked.get("max_completion_tokens"))
