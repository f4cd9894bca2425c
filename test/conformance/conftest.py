"""Four Regions with the real, small model: what the quick start gives a newcomer."""

import os
import shutil

import pytest

from support.deployment import REAL_MODEL, Deployment


@pytest.fixture(scope="session")
def regions():
    deployment = Deployment(REAL_MODEL).start()
    yield deployment
    code = deployment.stop()
    if not os.environ.get("TIDEGATE_KEEP"):
        shutil.rmtree(deployment.folder, ignore_errors=True)
    assert code == 0, "SIGTERM ends `tidegate dev` with 0"


@pytest.fixture(scope="session")
def bedrock(regions):
    return regions.client("bedrock-runtime")
