"""The library against answers that are written down: it sends what they expect and understands them."""

import hashlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.unit.keyvault.fakes import VAULT, FakeClock, FakeCredential
from vaultbind.keyvault.client import KeyVaultClient
from vaultbind.keyvault.config import KeyVaultConfig
from vaultbind.keyvault.errors import KeyVaultError, KeyVaultErrorKind
from vaultbind.keyvault.resilience.retry import RetryConfig
from vaultbind.keyvault.simulation.canned import CannedExchange, MockHttpTransport
from vaultbind.keyvault.types.certificate import Certificate
from vaultbind.keyvault.types.crypto import EncryptionAlgorithm, EncryptResult, SignatureAlgorithm, SignResult
from vaultbind.keyvault.types.jwk import JsonWebKey
from vaultbind.keyvault.types.key import CreateKeyOptions, Key, KeyCurve, KeyOperation, KeyProperties, KeyType
from vaultbind.keyvault.types.secret import Secret, SecretProperties, SetSecretOptions

FIXTURES = Path(__file__).parents[2] / "fixtures"
VERSION = "6d6a3ea7c1a04cc8a24f1d0a3d9b7e10"
YEAR = datetime(2027, 1, 1, tzinfo=UTC)
MASTER = Key(
    properties=KeyProperties(id=f"{VAULT}/keys/master/{VERSION}", name="master", version=VERSION),
    key=JsonWebKey(kid=f"{VAULT}/keys/master/{VERSION}", kty="oct-HSM"),
)


def client_of(
    *exchanges: CannedExchange, files: tuple[Path, ...] = ()
) -> tuple[KeyVaultClient, MockHttpTransport]:
    transport = MockHttpTransport.from_files(*files) if files else MockHttpTransport(exchanges)
    config = KeyVaultConfig(vault_url=VAULT, credential=FakeCredential(), retry=RetryConfig(attempts=1))
    return KeyVaultClient(config, transport=transport, clock=FakeClock()), transport


def check_get(found: Secret) -> None:
    assert (found.value.expose_secret(), found.version) == ("p4ss-w0rd", VERSION)
    properties = found.properties
    assert (properties.content_type, dict(properties.tags)) == ("text/plain", {"team": "shop"})
    assert (properties.not_before, properties.expires_on) == (datetime(2026, 1, 1, tzinfo=UTC), YEAR)
    assert (properties.recovery_level, properties.recoverable_days) == ("Recoverable+Purgeable", 90)


def check_list(found: list[SecretProperties]) -> None:
    assert [(item.name, item.managed, item.enabled) for item in found] == [
        ("api-token", False, True),
        ("shop-tls", True, True),
        ("old-token", False, False),
    ]


def check_set(found: Secret) -> None:
    assert (found.value.expose_secret(), found.properties.expires_on) == ("n3w", YEAR)
    assert found.version != VERSION


def check_create(found: Key) -> None:
    assert (found.name, found.key_type, found.operations) == ("signing", "EC", ("sign", "verify"))
    assert found.key.to_public_key().curve.name == "secp256r1"  # type: ignore[union-attr]
    assert found.key.thumbprint() == "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U"


def check_encrypt(found: EncryptResult) -> None:
    assert (found.ciphertext, found.iv, found.tag) == (b"ciphertext", bytes(range(12)), bytes(range(16)))
    assert (found.aad, found.key_id) == (b"shop", MASTER.key.kid)


def check_sign(found: SignResult) -> None:
    assert (found.signature, found.key_id) == (b"signature", f"{VAULT}/keys/signing/{VERSION}")


def check_certificate(found: Certificate) -> None:
    assert (found.name, found.version, found.cer) == ("shop-tls", VERSION, b"\x30\x82\x01")
    assert found.policy is not None
    assert (found.policy.subject, found.policy.validity_months) == ("CN=shop.example", 12)
    assert found.policy.dns_names == ("shop.example", "www.shop.example")
    assert found.policy.lifetime_actions[0].lifetime_percentage == 80


NEW_KEY = CreateKeyOptions(
    key_type=KeyType.EC,
    curve=KeyCurve.P_256,
    operations=(KeyOperation.SIGN, KeyOperation.VERIFY),
    tags={"team": "shop"},
)
NEW_SECRET = SetSecretOptions(content_type="text/plain", tags={"team": "shop"}, expires_on=YEAR)
Ask = Callable[[KeyVaultClient], Awaitable[Any]]
ANSWERS: dict[str, tuple[Ask, Callable[[Any], None]]] = {
    "secrets/get": (lambda client: client.secrets.get_secret("db-password"), check_get),
    "secrets/list": (lambda client: client.secrets.list_all(), check_list),
    "secrets/set": (lambda client: client.secrets.set_secret("db-password", "n3w", NEW_SECRET), check_set),
    "keys/create": (lambda client: client.keys.create_key("signing", NEW_KEY), check_create),
    "keys/encrypt": (
        lambda client: client.keys.encrypt(MASTER, EncryptionAlgorithm.A256GCM, b"plaintext", aad=b"shop"),
        check_encrypt,
    ),
    "keys/sign": (
        lambda client: client.keys.sign(
            "signing", SignatureAlgorithm.ES256, hashlib.sha256(b"hello").digest()
        ),
        check_sign,
    ),
    "certificates/get": (lambda client: client.certificates.get_certificate("shop-tls"), check_certificate),
}
ERRORS: dict[str, tuple[str, KeyVaultErrorKind, str, float | None]] = {
    "errors/not_found": ("nothing", KeyVaultErrorKind.SECRET_NOT_FOUND, "SecretNotFound", None),
    "errors/access_denied": ("db-password", KeyVaultErrorKind.FORBIDDEN, "ForbiddenByRbac", None),
    "errors/rate_limited": ("db-password", KeyVaultErrorKind.THROTTLED, "Throttled", 7),
}


def test_every_fixture_is_used() -> None:
    found = {path.relative_to(FIXTURES).with_suffix("").as_posix() for path in FIXTURES.rglob("*.json")}

    assert found == {*ANSWERS, *ERRORS}


@pytest.mark.parametrize("name", ANSWERS)
async def test_answers(name: str) -> None:
    client, _ = client_of(files=(FIXTURES / f"{name}.json",))
    ask, check = ANSWERS[name]

    check(await ask(client))


@pytest.mark.parametrize("name", ERRORS)
async def test_errors(name: str) -> None:
    client, _ = client_of(files=(FIXTURES / f"{name}.json",))
    subject, kind, code, retry_after = ERRORS[name]

    with pytest.raises(KeyVaultError) as caught:
        await client.get_secret(subject)

    error = caught.value
    assert (error.kind, error.code, error.object_name) == (kind, code, subject)
    assert (error.retry_after, error.request_id) == (retry_after, "b2a1c9a4-6c1e-4c0f-9a53-1f8d1f0e7c55")
    assert "11111111" not in repr(error)


async def test_what_no_answer_was_written_for() -> None:
    client, transport = client_of(CannedExchange(method="GET", path="/secrets/a/", answer={}))

    with pytest.raises(LookupError, match="GET /secrets/b/"):
        await client.get_secret("b")

    assert [(request.method, request.path) for request in transport.requests] == [("GET", "/secrets/b/")]


async def test_another_body_than_expected() -> None:
    client, _ = client_of(CannedExchange(method="PUT", path="/secrets/a", body={"value": "1"}, answer={}))

    with pytest.raises(LookupError, match="another body"):
        await client.set_secret("a", "2")


async def test_the_last_answer_is_for_ever() -> None:
    missing, gone = ({"error": {"code": code}} for code in ("SecretNotFound", "NotFound"))
    client, _ = client_of(
        CannedExchange(method="GET", path="/secrets/a/", status=404, answer=missing),
        CannedExchange(method="GET", path="/secrets/a/", status=404, answer=gone),
    )

    codes = []
    for _ in range(3):
        with pytest.raises(KeyVaultError) as caught:
            await client.get_secret("a")
        codes.append(caught.value.code)

    assert codes == ["SecretNotFound", "NotFound", "NotFound"]
