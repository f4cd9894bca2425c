"""The fence proven: of the library, of a file with one wrong row, of running Regions, of principals."""

import json
import subprocess

import pytest

from support.admin import admin_get
from support.deployment import BINARY, FRANKFURT, NOVA, REGIONS, ROOT

LIBRARY = ROOT / "src/catalog/profiles.json"
ZURICH = "eu-central-2"

FENCED = """
policies:
  - name: eu-only
    document:
      Version: "2012-10-17"
      Statement:
        - {Effect: Allow, Action: "bedrock:*", Resource: "*"}
        - Effect: Deny
          Action: "bedrock:*"
          Resource: "*"
          Condition:
            StringNotEquals:
              aws:RequestedRegion: [eu-central-1, eu-north-1, eu-south-1, eu-south-2, eu-west-1, eu-west-3]
principals:
  - arn: arn:aws:iam::111122223333:user/fenced
    policies: [eu-only]
"""


def prove(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run([BINARY, "prove", *arguments], capture_output=True, text=True, timeout=60)


@pytest.fixture
def mis_row(tmp_path):
    """The library, with Zurich as a destination for Frankfurt: AWS had such a row on 2025-10-01."""
    catalogue = json.loads(LIBRARY.read_text())
    profile = next(profile for profile in catalogue["profiles"] if profile["id"] == NOVA)
    profile["rows"][FRANKFURT].append(ZURICH)
    file = tmp_path / "mis-row.json"
    file.write_text(json.dumps(catalogue))
    return file


def test_the_library_holds():
    done = prove("-o", "json")
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert (report["holds"], report["triples"], report["allowed"]) == (True, 161_700, 16_903)
    assert "161,700" in prove().stdout


def test_a_mis_row_gives_the_counterexample(mis_row):
    done = prove(str(mis_row), "-o", "json")
    assert done.returncode == 1, done.stdout + done.stderr
    found = {violation["rule"]: violation for violation in json.loads(done.stdout)["counterexamples"]}
    assert set(found) == {"outside_fence", "row_changed"}
    outside = found["outside_fence"]
    assert (outside["profile"], outside["source"], outside["destination"]) == (NOVA, FRANKFURT, ZURICH)
    assert {layer["layer"]: layer["allows"] for layer in outside["layers"]} == {
        "router": True, "signer": False, "admission": False, "oracle": False}
    shown = prove(str(mis_row)).stdout
    assert "from eu-central-1 (Frankfurt) may run in eu-central-2 (Zurich)" in shown


def test_nothing_may_change_against_the_catalogue_before(mis_row):
    assert prove(str(LIBRARY), "--against", str(LIBRARY)).returncode == 0
    done = prove(str(LIBRARY), "--against", str(mis_row))
    assert done.returncode == 1 and "row_changed" in done.stdout


def test_a_file_that_is_no_catalogue(tmp_path):
    file = tmp_path / "none.json"
    file.write_text("{}")
    done = prove(str(file))
    assert done.returncode == 1 and "none.json" in done.stderr
    assert prove(str(tmp_path / "missing.json")).returncode == 1


def test_principals_stay_within(tmp_path):
    documents = tmp_path / "documents.yaml"
    documents.write_text(FENCED)
    done = prove("-f", str(documents), "--within", "eu")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "user/fenced" in done.stdout
    done = prove("-f", str(documents), "--within", "eu-west-1", "-o", "json")
    assert done.returncode == 1
    assert {violation["rule"] for violation in json.loads(done.stdout)["counterexamples"]} == {"outside_within"}
    assert prove("-f", str(documents), "--within", "atlantis").returncode == 1


def test_running_regions_prove_what_they_have_loaded(regions):
    done = regions.tidegate("prove", "--state", "-o", "json")
    assert done.returncode == 0, done.stdout + done.stderr
    answer = json.loads(done.stdout)
    assert answer["holds"] and answer["rowDifferences"] == []
    assert {region["region"] for region in answer["regions"]} == set(REGIONS)
    assert all(region["triples"] == 161_700 for region in answer["regions"])
    assert len({region["bundleSha256"] for region in answer["regions"]}) == 1
    assert regions.tidegate("prove", "--state").returncode == 0


def test_a_start_leaves_its_proof_in_the_audit_log(regions):
    events = admin_get(regions.region(FRANKFURT).admin_socket, "/v1/service-events")["events"]
    assert any("CatalogProven" in json.dumps(event) and "161700" in json.dumps(event) for event in events)
