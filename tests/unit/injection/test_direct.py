"""What the agent that asks vaults itself makes of an error, and how it is stopped; the rest is a flow."""

import asyncio
import signal

import pytest

from vaultbind.agent import program
from vaultbind.api.refs import VaultObjectKind, VaultObjectRef
from vaultbind.injection.direct import refusal_of
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
        async with asyncio.timeout(5):
            await asyncio.Event().wait()

    before = signal.signal(signal.SIGTERM, program._stop)
    try:
        with pytest.raises(program.StoppedError):
            asyncio.run(work())
    finally:
        signal.signal(signal.SIGTERM, before)
