"""Four Regions with scripted model servers, shared by all tests of this folder and whole again after each of them."""

import os
import shutil

import pytest

from support import switzerland as swiss
from support.deployment import MILAN, NOVA, REGIONS, SCRIPTED_MODEL, Deployment, eventually, inference_region, script

MEMORY_GROWTH_MAX_KB = 30_000  # of a whole file of abuse; one connection's buffers are below 1 MB


@pytest.fixture(scope="session")
def running():
    deployment = Deployment(SCRIPTED_MODEL).start()
    yield deployment
    code = deployment.stop()
    if not os.environ.get("TIDEGATE_KEEP"):
        shutil.rmtree(deployment.folder, ignore_errors=True)
    assert code == 0, "SIGTERM ends `tidegate dev` with 0"


@pytest.fixture
def regions(running):
    yield running
    for name in REGIONS:
        eventually(lambda: running.control(name, "ok"))
        eventually(lambda: running.serves_itself(name), 20)
        eventually(lambda: running.control(name)["running"] == 0, 20)


@pytest.fixture
def bedrock(regions):
    return regions.client("bedrock-runtime")


@pytest.fixture
def cloudtrail(regions):
    return regions.client("cloudtrail")


@pytest.fixture
def milan(regions):
    return regions.region(MILAN)


@pytest.fixture(scope="module")
def bounded_memory(running):
    """For a file of abuse: Milan has not grown by the end of it."""
    before = running.resident_kb(MILAN)
    yield
    assert running.resident_kb(MILAN) - before < MEMORY_GROWTH_MAX_KB


@pytest.fixture
def still_serving(regions):
    """For a case of abuse: a good request is answered right after it."""
    yield
    assert inference_region(regions.client("bedrock-runtime").converse(modelId=NOVA, messages=script())) == MILAN


@pytest.fixture
def signers(tmp_path):
    (tmp_path / "signers").mkdir()
    return swiss.Signers(tmp_path / "signers")


@pytest.fixture
def switzerland(tmp_path, signers):
    with swiss.running(tmp_path, signers) as gateways:
        yield gateways
