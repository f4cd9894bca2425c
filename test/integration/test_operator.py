"""What an operator sees: health, metrics, status, and why a request went where it went."""

import json
import subprocess
import sys
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest

from support.deployment import DUBLIN, FRANKFURT, LONDON, MILAN, NOVA, REGIONS, ROOT, inference_region, script

SECRET_WORDS = "heliotrope parapluie"


def test_health_and_metrics_need_no_signature(regions):
    assert all(regions.health(name) == 200 for name in REGIONS)
    text = regions.metrics()
    assert "# TYPE tidegate_region_slots gauge" in text


def test_metrics_count_by_source_and_inference_region_and_hold_no_payload(regions, bedrock):
    bedrock.converse(modelId=NOVA, messages=script(answer=SECRET_WORDS))
    text = regions.metrics()
    line = next(line for line in text.splitlines() if line.startswith("tidegate_requests_total{")
                and "onverse" in line and line.count(f'"{MILAN}"') >= 2)
    assert float(line.rsplit(" ", 1)[1]) >= 1
    assert "tidegate_request_duration_seconds_bucket" in text
    assert "tidegate_time_to_first_token_seconds_bucket" in text
    assert not any(word in text for word in SECRET_WORDS.split())


def test_logs_hold_no_payload(regions, bedrock):
    bedrock.converse(modelId=NOVA, messages=script(answer=SECRET_WORDS))
    logged = "".join(path.read_text(errors="replace") for path in regions.folder.rglob("*.log"))
    assert logged and not any(word in logged for word in SECRET_WORDS.split())


def test_status(regions):
    done = regions.tidegate("status")
    assert done.returncode == 0, done.stderr
    assert all(name in done.stdout for name in REGIONS)


def test_route_says_where_it_would_go_and_why(regions):
    done = regions.tidegate("route", NOVA, "--from", MILAN)
    assert done.returncode == 0, done.stderr
    for name in (MILAN, FRANKFURT, DUBLIN, "eu-north-1", "eu-west-3", "eu-south-2"):
        assert name in done.stdout
    assert LONDON not in done.stdout, "London is no destination of Milan's row"


def test_route_as_json(regions):
    done = regions.tidegate("route", NOVA, "--from", MILAN, "-o", "json")
    assert done.returncode == 0, done.stderr
    text = json.dumps(json.loads(done.stdout))
    assert all(word in text for word in (MILAN, "source_first", "not_deployed"))


def test_route_from_a_source_without_a_row_fails_and_says_so(regions):
    done = regions.tidegate("route", NOVA, "--from", LONDON)
    assert done.returncode != 0 and LONDON in done.stderr + done.stdout


def test_explain_a_spill(regions, bedrock):
    with ThreadPoolExecutor() as pool:
        answers = list(pool.map(lambda _: bedrock.converse(modelId=NOVA, messages=script(delay_ms=600)), range(4)))
    abroad = next(answer for answer in answers if inference_region(answer) != MILAN)
    done = regions.tidegate("explain", abroad["ResponseMetadata"]["RequestId"])
    assert done.returncode == 0, done.stderr
    assert inference_region(abroad) in done.stdout and "source_full" in done.stdout
    assert len(done.stdout.splitlines()) < 60, "one screen"


def test_explain_an_unknown_request(regions):
    done = regions.tidegate("explain", "00000000-0000-4000-8000-000000000000")
    assert done.returncode != 0 and "00000000-0000-4000-8000-000000000000" in done.stderr + done.stdout


@pytest.mark.timeout(180)
def test_replay_proves_records_and_the_fence(regions):
    done = regions.tidegate("replay", "--trace", str(ROOT / "examples/traces/azure-conv-2023.csv"), "--from", MILAN,
                            "--minutes", "0.2", seconds=150)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    for words in ("offered", "answered", MILAN, "p99", "outside the row"):
        assert words in done.stdout


def test_the_reference_pages_are_what_the_program_says():
    done = subprocess.run([sys.executable, str(ROOT / "tools/reference.py"), "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_help_names_every_command(regions):
    done = regions.tidegate("--help")
    assert done.returncode == 0
    for command in ("serve", "dev", "pki", "apply", "explain", "route", "status", "replay", "prove"):
        assert command in done.stdout


@pytest.mark.parametrize("path", ["/metrics/../health", "/healthz", "/HEALTH"])
def test_only_the_exact_paths_are_open(regions, path):
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(regions.region().url + path, timeout=5)
    assert caught.value.code in (400, 403, 404)
