"""Regions taken out of use by operators: cordon, drain, exclude, through `tidegate` and real gateways."""

import contextlib
import json
import os
import pathlib
import signal
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError

from support.admin import admin_get
from support.deployment import (DUBLIN, FRANKFURT, MILAN, NOVA, eventually, headers_of, inference_region, records_of,
                                script)
from support.wire import converse_bytes, exchange

WHY = ("--reason", "INC-412 cooling", "--approver", "anna")
UNDO = {"cordon": "uncordon", "drain": "undrain", "exclude": "unexclude"}


@pytest.fixture
def restrict(regions):
    """Restricts a Region for the length of a test."""
    def command(kind: str, region: str, *options: str) -> str:
        done = regions.tidegate(kind, region, *WHY, *options)
        assert done.returncode == 0, done.stderr
        return done.stdout
    yield command
    for name, facts in statuses(regions).items():
        for one in facts["restrictions"]:
            source = () if one["kind"] == "drain" else ("--from", name)
            regions.tidegate(UNDO[one["kind"]], one["region"], *WHY, *source)
    assert not any(facts["restrictions"] for facts in statuses(regions).values())


def statuses(regions) -> dict[str, dict]:
    done = regions.tidegate("status", "-o", "json")
    return {facts["region"]: facts for facts in json.loads(done.stdout)["regions"]}


def events(regions, region: str, name: str) -> list[dict]:
    found = admin_get(regions.region(region).admin_socket, "/v1/service-events")["events"]
    return [event for event in found if event["eventName"] == name]


def ask(client, **members) -> dict:
    return client.converse(modelId=NOVA, messages=script(**members))


def test_a_cordon_is_of_the_sources_that_were_asked(regions, bedrock, restrict):
    restrict("cordon", MILAN, "--from", MILAN)
    restrict("cordon", FRANKFURT, "--from", MILAN)
    assert {inference_region(ask(bedrock)) for _ in range(4)} == {DUBLIN}
    assert headers_of(ask(bedrock))["x-tidegate-route-reason"] == "source_cordoned"
    assert inference_region(ask(regions.client("bedrock-runtime", FRANKFURT))) == FRANKFURT


def test_the_largest_body_crosses_a_link(regions, milan, restrict):
    restrict("cordon", MILAN, "--from", MILAN)
    body = json.dumps({"messages": script(answer="all of it")}).encode()
    answer = exchange(milan, converse_bytes(milan, regions.key(), body.ljust(25_000_000)), seconds=60)
    assert (answer.status, answer.headers["x-tidegate-inference-region"]) in [(200, FRANKFURT), (200, DUBLIN)]
    assert answer.json()["usage"]["outputTokens"] > 0


def test_a_drained_region_finishes_what_it_has_and_takes_nothing_new(regions, bedrock, restrict):
    frankfurt = regions.client("bedrock-runtime", FRANKFURT)
    with ThreadPoolExecutor() as pool:
        running = pool.submit(ask, frankfurt, delay_ms=1500)
        eventually(lambda: regions.control(FRANKFURT)["running"] == 1)
        restrict("drain", FRANKFURT)
        assert inference_region(ask(frankfurt)) != FRANKFURT, "its own callers are served elsewhere"
        assert inference_region(running.result()) == FRANKFURT
    before = regions.control(FRANKFURT)["requests"]
    restrict("cordon", MILAN, "--from", MILAN)

    def told():  # by Frankfurt's report
        done = regions.tidegate("route", NOVA, "--from", MILAN, "-o", "json")
        verdicts = {one["region"]: one["verdict"] for one in json.loads(done.stdout)["considered"]}
        return verdicts[FRANKFURT] == "drained"
    eventually(told)
    assert {inference_region(ask(bedrock)) for _ in range(4)} == {DUBLIN}
    assert regions.control(FRANKFURT)["requests"] == before
    assert regions.health(FRANKFURT) == 200, "it still serves its callers"
    undone = regions.tidegate("undrain", FRANKFURT, *WHY)
    assert undone.returncode == 0, undone.stderr
    assert inference_region(ask(frankfurt)) == FRANKFURT


def test_all_out_is_a_clear_error_in_the_answer_the_record_and_explain(regions, bedrock, cloudtrail, restrict):
    restrict("drain", MILAN)
    restrict("exclude", FRANKFURT, "--from", MILAN, "--expires", "2h")
    restrict("cordon", DUBLIN, "--from", MILAN)
    began = time.monotonic()
    with pytest.raises(ClientError) as caught:
        ask(bedrock)
    assert time.monotonic() - began < 8, "an operator's word is not waited out"
    error = caught.value.response
    assert (error["ResponseMetadata"]["HTTPStatusCode"], error["Error"]["Code"]) == (503, "ServiceUnavailableException")
    assert headers_of(error)["x-tidegate-error"] == "TG-3006"
    for words in (f"{MILAN} (drained: INC-412 cooling)", f"{FRANKFURT} (excluded: INC-412 cooling, until 20",
                  f"{DUBLIN} (cordoned: INC-412 cooling)"):
        assert words in error["Error"]["Message"]
    assert "anna" not in error["Error"]["Message"]

    request_id = error["ResponseMetadata"]["RequestId"]
    record, = [r for r in records_of(cloudtrail, EventName="Converse") if r["requestID"] == request_id]
    assert record["tidegate"]["decision"]["reason"] == "withdrawn"
    verdicts = {one["region"]: one["verdict"] for one in record["tidegate"]["decision"]["considered"]}
    assert verdicts == {MILAN: "drained", FRANKFURT: "excluded", DUBLIN: "cordoned"}
    assert len(record["tidegate"]["profile"]["row"]) == 6, "the row stays"
    explained = regions.tidegate("explain", request_id)
    assert "excluded: INC-412 cooling" in explained.stdout and "withdrawn" in explained.stdout


def test_status_metrics_route_and_events_show_it(regions, restrict):
    out = restrict("exclude", FRANKFURT, "--expires", "30m")
    assert out.count("is excluded until 20") == 4, "every gateway"
    done = regions.tidegate("status")
    assert done.returncode == 0, done.stderr
    assert f"~ {MILAN}: {FRANKFURT} (Frankfurt) is excluded since 20" in done.stdout
    assert "INC-412 cooling (approved by anna)" in done.stdout
    assert f'tidegate_region_restricted{{kind="exclude",region="{FRANKFURT}"}} 1' in regions.metrics()
    assert statuses(regions)[FRANKFURT]["status"] == "drained", "excluded at its own gateway, it takes nothing"
    route = regions.tidegate("route", NOVA, "--from", MILAN)
    assert "excluded: INC-412 cooling, until 20" in route.stdout
    details = events(regions, MILAN, "RegionExcluded")[0]["serviceEventDetails"]
    assert (details["region"], details["reason"], details["approver"]) == (FRANKFURT, "INC-412 cooling", "anna")

    regions.tidegate("unexclude", FRANKFURT, "--reason", "repaired", "--approver", "bruno")
    ended = events(regions, MILAN, "RegionUnexcluded")[0]["serviceEventDetails"]
    assert (ended["approver"], ended["restriction"]["approver"]) == ("bruno", "anna")
    assert f'tidegate_region_restricted{{kind="exclude",region="{FRANKFURT}"}} 0' in regions.metrics()


def test_it_survives_the_death_of_the_gateway(regions, bedrock, restrict):
    # Somebody looks into the store before: as the last one to close it he would take its -wal file away.
    store = pathlib.Path(regions.region(MILAN).admin_socket).with_name("documents.sqlite")
    with contextlib.closing(sqlite3.connect(store, timeout=10)) as database:
        assert database.execute("SELECT count(*) FROM region_restrictions").fetchone() == (0,)
    restrict("exclude", MILAN, "--from", MILAN)
    gateway = regions.gateway_pid(MILAN)
    os.kill(gateway, signal.SIGKILL)
    eventually(lambda: regions.replaced(MILAN, gateway), 20)
    eventually(lambda: headers_of(ask(bedrock))["x-tidegate-route-reason"] == "source_excluded", 20)


@pytest.mark.parametrize("command, words", [
    (("exclude", "eu-atlantis-1", *WHY), "not a Region of the catalogue"),
    (("exclude", FRANKFURT, *WHY, "--expires", "soon"), "write it like 30m"),
    (("exclude", FRANKFURT, *WHY, "--expires", "2020-01-01T00:00:00Z"), "must be after now"),
    (("exclude", FRANKFURT, "--reason", "x" * 300, "--approver", "anna"), "one line of at most 256 bytes"),
    (("uncordon", FRANKFURT, *WHY), "there is no cordon of eu-central-1 here"),
    (("exclude", FRANKFURT, "--reason", "why"), "--approver is required"),
])
def test_what_is_not_understood_changes_nothing(regions, command, words):
    done = regions.tidegate(*command)
    assert done.returncode != 0 and words in done.stderr + done.stdout
    assert not any(facts["restrictions"] for facts in statuses(regions).values())
