"""Whoever gives an argument of a wrong type is told so, by the library's own error and without the value."""

import inspect
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tests.unit.keyvault.services.test_docstrings import METHODS
from vaultbind.keyvault import (
    BackupBlob,
    CertificateContact,
    CertificateIssuer,
    CertificateLifetimeAction,
    CertificatePolicy,
    CreateKeyOptions,
    EncryptionAlgorithm,
    ImportKeyOptions,
    JsonWebKey,
    KeyOperation,
    KeyReleasePolicy,
    KeyRotationLifetimeAction,
    KeyRotationPolicy,
    KeyType,
    KeyVaultError,
    KeyVaultErrorKind,
    KeyWrapAlgorithm,
    MockKeyVaultClient,
    ObjectKind,
    SecretString,
    SetSecretOptions,
    SignatureAlgorithm,
    has_allowed_suffix,
    parse_vault_url,
    read_envelope_header,
    replay,
)
from vaultbind.keyvault.arguments import find_mistake, find_object, fits, tell_wrong_types, wrong_members

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
        "tags is of type list, not collections.abc.Mapping[str, str] | None"
    )
    assert find_mistake(method, (1,), {}) == "name is of type int, not str"
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
    (("sing",), tuple[KeyOperation, ...], True),
    ([KeyOperation.SIGN], tuple[KeyOperation, ...], True),
    ((5,), tuple[KeyOperation, ...], False),
    ("sign", tuple[KeyOperation, ...], False),
    ({"a": "b"}, tuple[str, ...], True),
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
            "name is of type int, not str",
        )


# ------------------------------------------------------------------ members of what is given

HOLDERS: dict[str, tuple[str, Any]] = {
    "SetSecretOptions": ("secrets.set_secret", SetSecretOptions()),
    "CreateKeyOptions": ("keys.create_key", CreateKeyOptions(key_type=KeyType.EC)),
    "ImportKeyOptions": ("keys.import_key", ImportKeyOptions()),
    "KeyReleasePolicy": (
        "keys.create_key",
        CreateKeyOptions(key_type=KeyType.EC, release_policy=KeyReleasePolicy(data=b"{}")),
    ),
    "KeyRotationPolicy": (
        "keys.update_key_rotation_policy",
        KeyRotationPolicy(lifetime_actions=(KeyRotationLifetimeAction(action="Rotate"),)),
    ),
    "CertificatePolicy": (
        "certificates.create_certificate",
        CertificatePolicy(
            issuer="Self", subject="CN=a", lifetime_actions=(CertificateLifetimeAction(action="x"),)
        ),
    ),
    "CertificatePolicy of a pending one": (
        "certificates.begin_create_certificate",
        CertificatePolicy(issuer="Self", subject="CN=a"),
    ),
    "CertificatePolicy of an import": ("certificates.import_certificate", CertificatePolicy()),
    "CertificatePolicy of an update": ("certificates.update_certificate_policy", CertificatePolicy()),
    "CertificateIssuer": ("certificates.create_issuer", CertificateIssuer(name="db", provider="p")),
    "CertificateIssuer of an update": ("certificates.update_issuer", CertificateIssuer(name="db")),
    "CertificateContact": ("certificates.set_contacts", [CertificateContact(email="a@b.example")]),
    "BackupBlob": ("keys.restore_key", BackupBlob(kind=ObjectKind.KEY, data=b"x")),
}
"""What has members, and a method that takes it."""


class Odd:
    """Of no type that anybody asks for."""


def spoiled(value: Any, path: str) -> list[tuple[str, Any]]:
    """The value with each of its members, and of theirs, spoiled in turn."""
    if isinstance(value, list | tuple):
        found = [(number, item) for number, item in enumerate(value)]
        return [
            (place, type(value)([*value[:number], bad, *value[number + 1 :]]))
            for number, item in found
            for place, bad in spoiled(item, f"{path}[{number}]")
        ]
    if not hasattr(type(value), "__dataclass_fields__"):
        return []
    made = []
    for item in fields(value):
        place, member = f"{path}.{item.name}", getattr(value, item.name)
        made.append((place, replace(value, **{item.name: Odd()})))
        made += [(deep, replace(value, **{item.name: bad})) for deep, bad in spoiled(member, place)]
    return made


@pytest.mark.parametrize("row", HOLDERS.values(), ids=HOLDERS)
async def test_a_member_of_a_wrong_type_is_named_and_so_is_the_object(row: tuple[str, Any]) -> None:
    method, value = row
    service, _, name = method.partition(".")
    parameters = inspect.signature(METHODS[method]).parameters
    title = next(item for item in ("options", "policy", "issuer", "contacts", "backup") if item in parameters)
    needed = [item.name for item in parameters.values() if item.default is inspect.Parameter.empty]
    usual = {item: good(method, item) for item in needed if item != "self"}
    async with MockKeyVaultClient() as client:
        function = getattr(getattr(client, service), name)
        cases = spoiled(value, title)
        assert len(cases) > 1
        for place, bad in cases:
            error = await fail(function, usual | {title: bad})
            assert error is not None, place
            assert error.kind is KeyVaultErrorKind.VALIDATION
            assert f"{place} is of type Odd" in error.detail
            if "name" in usual and place != "issuer.name":
                assert error.object_name == "db"
        assert not client.access_log, "nothing went over the wire"


async def test_what_is_not_a_service_tells_wrong_types_too() -> None:
    wrong: Any = Odd()
    async with MockKeyVaultClient() as client:
        client.seed(secrets={"db": CANARY}, keys={"k": "RSA"})
        local = await client.keys.open_public_key("k")
        sealed = await client.envelope_encrypt("k", b"x")
        rsa, wrap, rs256 = EncryptionAlgorithm.RSA_OAEP_256, CIPHERS["wrap_key"], SIGNATURES["sign"]
        calls: list[tuple[Callable[[], Any], str, str | None]] = [
            (lambda: client.envelopes.encrypt("k", wrong), "plaintext", "k"),
            (lambda: client.envelopes.encrypt("k", b"x", aad=wrong), "aad", "k"),
            (lambda: client.envelopes.encrypt_stream("k", wrong, io.BytesIO()), "source", "k"),
            (lambda: client.envelopes.encrypt_stream("k", io.BytesIO(), wrong), "target", "k"),
            (lambda: client.envelopes.decrypt(wrong), "envelope", None),
            (lambda: client.envelopes.decrypt(sealed, key=wrong), "key", None),
            (lambda: client.envelopes.decrypt_stream(wrong, io.BytesIO()), "source", None),
            (lambda: client.envelope_encrypt("k", wrong), "plaintext", "k"),
            (lambda: client.envelope_decrypt(wrong), "envelope", None),
            (lambda: local.encrypt(rsa, wrong), "plaintext", "k"),
            (lambda: local.wrap_key(wrap, wrong), "key_bytes", "k"),
            (lambda: local.verify(rs256, wrong, signature=b""), "digest", "k"),
            (lambda: local.verify(rs256, message=wrong, signature=b""), "message", "k"),
            (lambda: local.verify(rs256, bytes(32), signature=wrong), "signature", "k"),
            (lambda: client.encrypt("k", rsa, wrong), "plaintext", "k"),
            (lambda: client.decrypt("k", rsa, wrong), "ciphertext", "k"),
            (lambda: client.send_request("GET", wrong), "path", None),
            (lambda: client.expiry_monitor.start(wrong), "interval", None),
        ]
        for call, argument, name in calls:
            error = await fail(call, {})
            assert error is not None, argument
            assert (error.kind, error.object_name) == (KeyVaultErrorKind.VALIDATION, name)
            assert error.detail.startswith(f"{argument} is of type Odd"), error.detail


async def test_a_member_of_a_key_that_is_given_is_named_when_the_call_fails() -> None:
    async with MockKeyVaultClient() as client:
        wrong: Any = Odd()
        key = JsonWebKey(kty="EC", crv="P-256", x=wrong, y=b"y", d=b"d")
        error = await fail(client.keys.import_key, {"name": "db", "key": key})

    assert error is not None
    assert (error.detail, error.object_name) == ("key.x is of type Odd, not bytes", "db")


async def test_functions_and_values_tell_wrong_types_too() -> None:
    wrong: Any = Odd()
    async with MockKeyVaultClient() as client:
        calls: list[tuple[Callable[[], Any], str]] = [
            (lambda: parse_vault_url(wrong), "url is of type Odd, not str"),
            (lambda: has_allowed_suffix(wrong, [".a"]), "url is of type Odd, not VaultUrl"),
            (lambda: read_envelope_header(wrong), "envelope is of type Odd, not bytes"),
            (lambda: replay(wrong, client), "log is of type Odd, not "),
            (lambda: SecretString(wrong), "a SecretString holds text"),
        ]
        for call, told in calls:
            error = await fail(call, {})
            assert error is not None
            assert (error.kind, told in error.detail) == (KeyVaultErrorKind.VALIDATION, True), error.detail


async def test_the_monitor_takes_a_state_and_an_aware_moment() -> None:
    wrong: Any = "{}"
    async with MockKeyVaultClient() as client:
        for moment in (client.time.now().replace(tzinfo=None), wrong, 5):
            error = await fail(client.expiry_monitor.check_once, {"now": moment})
            assert error is not None
            assert (error.kind, "aware" in error.detail) == (KeyVaultErrorKind.VALIDATION, True)
        with pytest.raises(KeyVaultError, match="from_json"):
            client.expiry_monitor.state = wrong


async def test_every_mistake_about_an_object_names_it() -> None:
    """Checks that know no name get it from the call; an id and a Key tell it, too."""
    async with MockKeyVaultClient() as client:
        client.seed(secrets={"db": "x"}, keys={"k": "RSA"})
        key = await client.keys.get_key("k")
        local = await client.keys.open_public_key("k")
        rsa: Any = "RSA-OAEP-256"
        nonsense: Any = "nonsense"
        calls: list[tuple[Callable[[], Any], str]] = [
            (lambda: client.secrets.set_secret("db", "x" * 25_601), "db"),
            (lambda: client.secrets.get_secret("db", version="!"), "db"),
            (lambda: client.secrets.list_secret_versions("db", priority=nonsense), "db"),
            (lambda: client.get_secret_version("db", "!"), "db"),
            (lambda: client.encrypt("k", nonsense, b"x"), "k"),
            (lambda: client.keys.encrypt("k", rsa, bytes(1000)), "k"),
            (lambda: client.keys.encrypt(key, rsa, bytes(1000)), "k"),
            (lambda: client.keys.encrypt(key.properties.id, rsa, bytes(1000)), "k"),
            (lambda: client.keys.sign("k", nonsense, b"x"), "k"),
            (lambda: local.encrypt(nonsense, b"x"), "k"),
            (lambda: local.encrypt(rsa, bytes(1000)), "k"),
            (lambda: client.keys.create_key("k", CreateKeyOptions(key_type=KeyType.EC, size=5)), "k"),
            (lambda: client.certificates.create_issuer(CertificateIssuer(name="ca")), "ca"),
            (lambda: client.send_request("GET", "/other", name="db"), "db"),
        ]
        for call, name in calls:
            error = await fail(call, {})
            assert error is not None, name
            assert (error.kind, error.object_name) == (KeyVaultErrorKind.VALIDATION, name)
            assert f": {name}: " in str(error)


NAMES: list[tuple[Any, str | None]] = [
    ("db", "db"),
    ("https://a.vault.azure.net/secrets/db", "db"),
    ("https://a.vault.azure.net/keys/db/0123456789abcdef0123456789abcdef", "db"),
    ("no name, perhaps a value", None),
    (5, None),
]


@pytest.mark.parametrize(("given", "found"), NAMES)
def test_only_what_can_be_a_name_is_told_as_one(given: Any, found: str | None) -> None:
    def method(name: str) -> None: ...

    assert find_object(method, (given,), {}) == found
    assert find_object(method, (), {}) is None


def test_only_our_own_values_are_looked_into() -> None:
    assert list(wrong_members(timedelta(1))) == []
    assert list(wrong_members("text")) == []
    assert [path for path, _ in wrong_members(SetSecretOptions(tags=5))] == ["tags"]  # type: ignore[arg-type]
