"""What the agent that asks vaults itself makes of an error, and how it is stopped; the rest is a flow."""

import asyncio
import signal
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from vaultbind.agent import program
from vaultbind.agent.errors import AgentError, RetryableError
from vaultbind.api.refs import VaultObjectKind, VaultObjectRef
from vaultbind.injection.direct import Vaults, refusal_of
from vaultbind.injection.sources import PodAuth, Source, VaultAddress, render_sources
from vaultbind.keyvault import KeyVaultError, KeyVaultErrorKind

REF = VaultObjectRef(VaultObjectKind.SECRET, "db")


def test_the_vaults_own_wish_for_a_pause_is_passed_on() -> None:
    error = KeyVaultError(KeyVaultErrorKind.THROTTLED, code="Throttled", retryable=True, retry_after=7.0)
    refusal = refusal_of(error, REF, "shop-db", "client-1")

    assert refusal.retry_after == 7.0
    assert str(refusal).startswith("VaultBinding shop-db: Throttled: secret db: Throttled")
    assert str(refusal).endswith("asked as client client-1")


@pytest.mark.parametrize("kind", list(KeyVaultErrorKind))
def test_every_error_names_binding_object_and_identity_and_may_pass(kind: KeyVaultErrorKind) -> None:
    """Roles, networks and credentials change while a pod starts: the deadline alone ends it."""
    told = str(refusal_of(KeyVaultError(kind, code="Code", detail="detail"), REF, "shop-db", "client-1"))

    for word in ("VaultBinding shop-db: ", "secret db", "Code", "client-1"):
        assert word in told
    assert "spec.auth" not in told, "that of the KeyVault is not used"


def test_no_event_loop_keeps_the_end_for_itself() -> None:
    """A signal that comes in the middle of a callback; the loop would log any other error and go on."""

    async def work() -> None:
        asyncio.get_running_loop().call_soon(signal.raise_signal, signal.SIGTERM)
        async with asyncio.timeout(60):
            await asyncio.Event().wait()

    before = signal.signal(signal.SIGTERM, program._stop)
    try:
        with pytest.raises(program.StoppedError):
            asyncio.run(work())
    finally:
        signal.signal(signal.SIGTERM, before)


ADDRESS = VaultAddress(url="https://shop.vault.azure.net", tenant_id="22222222-0000-0000-0000-000000000002")
SPEC: dict[str, Any] = {"data": [{"key": "PASSWORD", "secret": {"name": "db"}}]}
LATER: dict[str, Any] = {"data": [{"key": "PASSWORD", "secret": {"name": "db", "madeUpLater": 1}}]}


@pytest.fixture
def vaults() -> Iterator[Vaults]:
    with Vaults() as made:
        yield made


def environ(**sources: Source) -> dict[str, str]:
    told = render_sources(PodAuth(client_id="client-1", sources=sources))
    return {"VAULTBIND_SOURCES": told, "VAULTBIND_TOKEN_FILE": "/no/such/token"}


GOOD = Source(vault=ADDRESS, spec=SPEC)
OF_ANOTHER_VERSION = {
    "a field that it does not know": (replace(GOOD, spec=LATER), "spec.data[0].secret.madeUpLater"),
    "a spec without keys": (replace(GOOD, spec={}), "spec"),
    "a spec that is none": (replace(GOOD, spec=7), "spec"),  # type: ignore[arg-type] # that is the case
    "a template that it cannot parse": (
        replace(GOOD, spec={**SPEC, "target": {"template": {"data": {"a": "{% later %}"}}}}),
        "spec.target.template.data[a]: line 1",
    ),
    "a url that is none": (replace(GOOD, vault=replace(ADDRESS, url="ftp://x")), "vault_url"),
    "a url of another type": (replace(GOOD, vault=replace(ADDRESS, url=7)), "vault_url"),  # type: ignore[arg-type] # so is that
}


@pytest.mark.parametrize(("source", "place"), OF_ANOTHER_VERSION.values(), ids=OF_ANOTHER_VERSION)
def test_what_a_webhook_of_another_version_wrote_is_told_before_anything_is_asked(
    vaults: Vaults, source: Source, place: str
) -> None:
    with pytest.raises(AgentError) as caught:
        vaults.make_fetch(environ(good=GOOD, odd=source))

    assert not isinstance(caught.value, RetryableError), "waiting is of no use"
    told = str(caught.value)
    for word in ("VaultBinding odd: ", place, "different versions: delete the pod"):
        assert word in told


def test_an_address_of_another_shape_is_told_as_well(vaults: Vaults) -> None:
    told = environ(odd=GOOD)
    told["VAULTBIND_SOURCES"] = told["VAULTBIND_SOURCES"].replace(f'"{ADDRESS.url}"', '["a", "b"]')
    with pytest.raises(AgentError, match=r"VaultBinding odd: .*different versions"):
        vaults.make_fetch(told)


def test_a_binding_that_the_sources_leave_out_is_told(vaults: Vaults) -> None:
    fetch = vaults.make_fetch(environ(good=GOOD))
    with pytest.raises(AgentError, match="VaultBinding other: VAULTBIND_SOURCES says nothing of it"):
        fetch("other")
