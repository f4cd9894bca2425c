"""Four Regions with scripted model servers, shared by all tests of this folder and whole again after each of them."""

import os
import shutil

import pytest

from support.deployment import REGIONS, SCRIPTED_MODEL, Deployment, eventually


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
