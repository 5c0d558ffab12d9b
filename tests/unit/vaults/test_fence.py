"""Connections that carry nothing once another process may lead."""

import pytest
from azure.core.exceptions import ServiceRequestError
from azure.core.rest import HttpRequest

from vaultbind.engine.engine import StaleStateError
from vaultbind.vaults.fence import FencedTransport

NOBODY = HttpRequest("GET", "https://127.0.0.1:1/")


async def test_each_request_is_asked_for_anew() -> None:
    leads = True
    transport = FencedTransport(lambda: leads)
    with pytest.raises(ServiceRequestError):
        await transport.send(NOBODY)
    leads = False
    with pytest.raises(StaleStateError):
        await transport.send(NOBODY)
    leads = True
    with pytest.raises(ServiceRequestError):
        await transport.send(NOBODY)
    await transport.aclose()
