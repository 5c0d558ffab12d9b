"""Whoever gives an argument of a wrong type is told so, by the library's own error and without the value."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tests.unit.keyvault.services.test_docstrings import METHODS
from vaultbind.keyvault import (
    BackupBlob,
    CertificateContact,
    CertificateIssuer,
    CertificatePolicy,
    CreateKeyOptions,
    EncryptionAlgorithm,
    JsonWebKey,
    KeyOperation,
    KeyRotationPolicy,
    KeyType,
    KeyVaultError,
    KeyVaultErrorKind,
    KeyWrapAlgorithm,
    MockKeyVaultClient,
    ObjectKind,
    SignatureAlgorithm,
)
from vaultbind.keyvault.services.arguments import find_mistake, fits, tell_wrong_types

CANARY = "canary-7f3a"
WRONG: list[Any] = [None, 5, 1.5, CANARY.encode(), object(), [CANARY], {CANARY: 1}]
CIPHERS = {"wrap_key": KeyWrapAlgorithm.RSA_OAEP_256, "unwrap_key": KeyWrapAlgorithm.RSA_OAEP_256}
SIGNATURES = {"sign": SignatureAlgorithm.RS256, "verify": SignatureAlgorithm.RS256}
GOOD: dict[str, Any] = {
    "name": "db",
    "version": "0a",
    "value": "v",
    "key": "k",
    "count": 3,
    "plaintext": b"x",
    "ciphertext": b"x" * 256,
    "key_bytes": b"k",
    "encrypted_key": b"x" * 256,
    "signature": b"s",
    "digest": b"d" * 32,
    "data": b"x",
    "chain": [b"x"],
    "target_attestation_token": "a.b.c",
    "policy": CertificatePolicy(issuer="Self", subject="CN=a"),
    "issuer": CertificateIssuer(name="ca", provider="p"),
    "contacts": [CertificateContact(email="a@b.example")],
}


def good(method: str, parameter: str) -> Any:
    """A value of the right type for a parameter that has no default."""
    service, _, name = method.partition(".")
    special: dict[tuple[str, str], Any] = {
        ("create_key", "options"): CreateKeyOptions(key_type=KeyType.EC),
        ("import_key", "key"): JsonWebKey.from_key(ec.generate_private_key(ec.SECP256R1())),
        ("update_key_rotation_policy", "policy"): KeyRotationPolicy(),
        (name, "backup"): BackupBlob(kind=ObjectKind(service.removesuffix("s")), data=b"x"),
        (name, "algorithm"): {**CIPHERS, **SIGNATURES}.get(name, EncryptionAlgorithm.RSA_OAEP_256),
    }
    return special.get((name, parameter), GOOD.get(parameter))


@pytest.mark.parametrize("method", METHODS)
async def test_wrong_types_are_told_and_not_shown(method: str) -> None:
    service, _, name = method.partition(".")
    parameters = [
        item for item in inspect.signature(METHODS[method]).parameters.values() if item.name != "self"
    ]
    usual = {
        item.name: good(method, item.name) for item in parameters if item.default is inspect.Parameter.empty
    }
    async with MockKeyVaultClient() as client:
        function = getattr(getattr(client, service), name)
        told = [
            await fail(function, usual | {parameter.name: wrong})
            for parameter in parameters
            for wrong in WRONG
        ]
    for error in filter(None, told):
        assert CANARY not in str(error)
        assert (error.__cause__, error.__context__) == (None, None)


async def fail(function: Callable[..., Any], arguments: dict[str, Any]) -> KeyVaultError | None:
    """How a call fails; anything but a KeyVaultError goes on to pytest."""
    try:
        outcome = function(**arguments)
        if inspect.isawaitable(outcome):
            await outcome
    except KeyVaultError as error:
        return error
    return None


def test_the_argument_and_its_type_are_named() -> None:
    async def method(name: str, tags: Mapping[str, str] | None = None) -> None: ...

    assert find_mistake(method, ("db", ["a"]), {}) == (
        "tags is of type list; collections.abc.Mapping[str, str] | None is asked"
    )
    assert find_mistake(method, (1,), {}) == "name is of type int; str is asked"
    assert find_mistake(method, ("db",), {"tags": {"a": "b"}}) == ""
    assert find_mistake(method, (), {}) == "", "what is missing Python tells itself"


FITTING: list[tuple[object, Any, bool]] = [
    (1, float, True),
    ("1", float, False),
    (None, str | None, True),
    ({"a": 1}, Mapping[str, str], False),
    ({"a": "b"}, Mapping[str, str], True),
    (["a"], Sequence[bytes], False),
    ([b"a"], Sequence[bytes], True),
    (b"ab", Sequence[int], False),
    ((KeyOperation.SIGN,), tuple[KeyOperation, ...], True),
    (("sing",), tuple[KeyOperation, ...], False),
    (datetime.now(UTC), datetime | None, True),
    (5, Any, True),
    (len, type(len), True),
]


@pytest.mark.parametrize(("value", "hint", "right"), FITTING)
def test_what_fits(value: object, hint: Any, right: bool) -> None:
    assert fits(value, hint) is right


async def test_a_mistake_of_the_library_stays_one() -> None:
    class Service:
        def listing(self, name: str) -> None:
            raise AttributeError("ours")

        async def get(self, name: str) -> None:
            raise TypeError("ours")

    tell_wrong_types(Service)
    with pytest.raises(TypeError, match="ours"):
        await Service().get("db")
    with pytest.raises(AttributeError, match="ours"):
        Service().listing("db")
    for call in (Service().listing, Service().get):
        error = await fail(call, {"name": 5})
        assert error is not None
        assert (error.kind, error.detail) == (
            KeyVaultErrorKind.VALIDATION,
            "name is of type int; str is asked",
        )
