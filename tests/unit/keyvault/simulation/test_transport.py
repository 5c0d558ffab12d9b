"""The simulation behind azure-core's seam: Azure's clients work on it without a socket, failures included."""

from datetime import UTC, datetime

import pytest
from azure.core.exceptions import (
    HttpResponseError,
    IncompleteReadError,
    ServiceRequestError,
    ServiceResponseError,
)
from azure.core.rest import HttpRequest
from azure.keyvault.certificates.aio import CertificateClient
from azure.keyvault.keys.aio import KeyClient
from azure.keyvault.secrets.aio import SecretClient

from vaultbind.keyvault.simulation import Ending, Estate, EstateConfig, Fault
from vaultbind.keyvault.simulation.tokens import check_strictly
from vaultbind.keyvault.simulation.transport import SimulatedCredential, SimulatedTransport

URL = "https://shop.vault.azure.net"


class Stage:
    """An estate whose pauses are noted instead of waited for."""

    def __init__(self) -> None:
        self.estate = Estate(EstateConfig(check_token=check_strictly))
        self.pauses: list[float] = []
        self.transport = SimulatedTransport(self.estate, sleep=self._sleep)
        self.credential = SimulatedCredential(self.estate)

    async def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)

    def secrets(self, **options: int) -> SecretClient:
        return SecretClient(URL, self.credential, transport=self.transport, **options)


async def test_azure_clients_of_all_kinds_read_what_a_driver_wrote() -> None:
    stage = Stage()
    driver = stage.estate.driver("shop")
    driver.set_secret("db", "one")
    driver.create_key("sign")
    driver.issue_certificate("tls", ["a.test"])
    keys = KeyClient(URL, stage.credential, transport=stage.transport)
    certificates = CertificateClient(URL, stage.credential, transport=stage.transport)
    assert (await stage.secrets().get_secret("db")).value == "one"
    assert (await keys.get_key("sign")).name == "sign"
    assert (await certificates.get_certificate("tls")).name == "tls"
    listed = [item.name async for item in stage.secrets().list_properties_of_secrets()]
    assert listed == ["db", "tls"]
    assert stage.estate.log.recent()[-1].principal == "operator"
    assert stage.transport.requests == stage.estate.log.summarize()["total"]


async def test_a_throttled_request_is_retried_after_the_told_time() -> None:
    stage = Stage()
    stage.estate.driver("shop").set_secret("db", "one")
    stage.estate.faults.add(Fault(status=429, retry_after=7, count=1))
    assert (await stage.secrets().get_secret("db")).value == "one"
    assert stage.pauses == [7]


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault(ending=Ending.CUT), IncompleteReadError),
        (Fault(ending=Ending.REFUSED), ServiceRequestError),
        (Fault(delay=30), ServiceResponseError),
        (Fault(status=503), HttpResponseError),
    ],
    ids=["cut", "refused", "slower than the read timeout", "server error"],
)
async def test_failures_are_those_of_a_real_transport(fault: Fault, error: type[Exception]) -> None:
    stage = Stage()
    stage.estate.driver("shop").set_secret("db", "one")
    client = stage.secrets(retry_total=0, read_timeout=10)
    await client.get_secret("db")
    stage.estate.faults.add(fault)
    with pytest.raises(error):
        await client.get_secret("db", read_timeout=10)
    stage.estate.faults.clear()
    assert (await client.get_secret("db")).value == "one"
    assert stage.pauses == []


async def test_a_shorter_delay_is_waited_for() -> None:
    stage = Stage()
    stage.estate.driver("shop").set_secret("db", "one")
    stage.estate.faults.add(Fault(delay=3, count=1))
    assert (await stage.secrets().get_secret("db", read_timeout=10)).value == "one"
    assert stage.pauses == [3]


async def test_the_answer_is_a_whole_azure_core_response() -> None:
    stage = Stage()
    request = HttpRequest("GET", f"{URL}/secrets?api-version=7.4")
    async with await stage.transport.send(request) as response:
        body = b"".join([part async for part in response.iter_bytes()])
    assert (response.status_code, response.is_closed, response.is_stream_consumed) == (401, True, True)
    assert response.headers["www-authenticate"].startswith("Bearer ")
    assert response.json()["error"]["code"] == "Unauthorized"
    assert body.decode() == response.text()
    assert response.request is request
    with pytest.raises(HttpResponseError):
        response.raise_for_status()


async def test_the_clock_of_the_estate_decides_about_tokens() -> None:
    moments = [datetime(2027, 1, 1, tzinfo=UTC)]
    estate = Estate(EstateConfig(clock=lambda: moments[0], check_token=check_strictly))
    transport = SimulatedTransport(estate)
    token = await SimulatedCredential(estate).get_token("https://vault.azure.net/.default")
    headers = {"Authorization": f"Bearer {token.token}"}
    statuses = []
    for moment in (moments[0], datetime(2027, 1, 1, 1, 0, 0, tzinfo=UTC)):
        moments[0] = moment
        request = HttpRequest("GET", f"{URL}/secrets?api-version=7.4", headers=headers)
        statuses.append((await transport.send(request)).status_code)
    assert statuses == [200, 401]
