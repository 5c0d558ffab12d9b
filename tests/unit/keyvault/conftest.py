"""The SDK keeps challenges for the whole process: every test starts without."""

import pytest
from azure.keyvault.secrets._shared import http_challenge_cache


@pytest.fixture(autouse=True)
def _no_known_challenges() -> None:
    http_challenge_cache.clear()
