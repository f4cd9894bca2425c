"""Processes are killed without warning: what was answered stays on record, what had no byte yet goes elsewhere, and the
demo's supervisor brings everything back."""

import os
import signal
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from botocore.exceptions import BotoCoreError, ClientError

from support.deployment import DUBLIN, FRANKFURT, MILAN, NOVA, eventually, inference_region, records_of, script


class Load:
    """Requests without pause from several threads, until told to stop; who was answered, and who got an error."""

    def __init__(self, bedrock, threads: int, **members) -> None:
        self.answered: dict[str, str] = {}  # request id -> inference Region
        self.errors: list[Exception] = []
        self.stopping = threading.Event()
        self.pool = ThreadPoolExecutor(max_workers=threads)
        self.futures = [self.pool.submit(self.run, bedrock, members) for _ in range(threads)]

    def run(self, bedrock, members: dict) -> None:
        give_up = time.monotonic() + 30
        while not self.stopping.is_set() and time.monotonic() < give_up:
            try:
                answer = bedrock.converse(modelId=NOVA, messages=script(**members))
                self.answered[answer["ResponseMetadata"]["RequestId"]] = inference_region(answer)
            except (ClientError, BotoCoreError) as error:
                self.errors.append(error)
                time.sleep(0.05)

    def stop(self) -> None:
        self.stopping.set()
        for future in self.futures:
            future.result(60)
        self.pool.shutdown()


def records_by_request(regions) -> Counter:
    return Counter(record["requestID"] for record in records_of(regions.client("cloudtrail"), EventName="Converse"))


def kill_and_wait_for_another(regions, region: str) -> None:
    killed = regions.gateway_pid(region)
    os.kill(killed, signal.SIGKILL)
    eventually(lambda: regions.replaced(region, killed), 20)


def test_kill_9_of_the_gateway_loses_no_answered_request(regions, bedrock):
    load = Load(bedrock, threads=4, delay_ms=5)
    for _ in range(3):
        time.sleep(0.4)
        kill_and_wait_for_another(regions, MILAN)
    time.sleep(0.3)
    load.stop()
    assert len(load.answered) > 20
    records = records_by_request(regions)
    missing = [request for request in load.answered if records[request] == 0]
    assert not missing, f"{len(missing)} of {len(load.answered)} answered requests have no record"
    twice = [request for request, count in records.items() if count > 1]
    assert not twice


def test_a_request_cut_by_kill_9_is_recorded_as_interrupted(regions):
    bedrock = regions.client("bedrock-runtime")
    with ThreadPoolExecutor() as pool:
        cut = pool.submit(lambda: bedrock.converse(modelId=NOVA, messages=script(delay_ms=5000)))
        eventually(lambda: regions.control(MILAN)["running"] == 1)
        kill_and_wait_for_another(regions, MILAN)
        assert isinstance(cut.exception(30), (ClientError, BotoCoreError))
    newest = records_of(regions.client("cloudtrail"), EventName="Converse")[0]
    assert "Interrupted" in str(newest)


def test_records_and_explanations_survive_a_restart(regions, bedrock):
    request_id = bedrock.converse(modelId=NOVA, messages=script())["ResponseMetadata"]["RequestId"]
    kill_and_wait_for_another(regions, MILAN)
    assert records_by_request(regions)[request_id] == 1
    explained = regions.tidegate("explain", request_id)
    assert explained.returncode == 0 and MILAN in explained.stdout


def test_a_killed_model_server_costs_nobody_an_error(regions, bedrock):
    load = Load(bedrock, threads=3, delay_ms=20)
    time.sleep(0.3)
    killed = regions.model_pid(MILAN)
    os.kill(killed, signal.SIGKILL)
    eventually(lambda: set(load.answered.values()) & {FRANKFURT, DUBLIN})
    eventually(lambda: regions.control(MILAN), 20)
    time.sleep(1.5)
    load.stop()
    assert not load.errors, load.errors[:3]
    eventually(lambda: inference_region(bedrock.converse(modelId=NOVA, messages=script())) == MILAN)


def test_another_regions_killed_gateway_costs_nobody_an_error(regions, bedrock):
    load = Load(bedrock, threads=5, delay_ms=60)
    eventually(lambda: FRANKFURT in load.answered.values(), 15)
    kill_and_wait_for_another(regions, FRANKFURT)
    before = len(load.answered)
    eventually(lambda: FRANKFURT in list(load.answered.values())[before:], 20)
    load.stop()
    assert not load.errors, load.errors[:3]


def test_sigterm_drains_what_runs(regions):
    bedrock = regions.client("bedrock-runtime")
    with ThreadPoolExecutor() as pool:
        slow = pool.submit(lambda: bedrock.converse(modelId=NOVA, messages=script(delay_ms=1500)))
        eventually(lambda: regions.control(MILAN)["running"] == 1)
        leaving = regions.gateway_pid(MILAN)
        os.kill(leaving, signal.SIGTERM)
        assert slow.result(30)["stopReason"]
    eventually(lambda: regions.replaced(MILAN, leaving), 30)
