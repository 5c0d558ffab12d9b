"""Checks before anything goes over the wire; every message names the limit and never the value."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from vaultbind.keyvault.arguments import telling
from vaultbind.keyvault.errors import KeyVaultError, KeyVaultErrorKind
from vaultbind.keyvault.types.certificate import (
    CertificateContentType,
    CertificateLifetimeAction,
    CertificatePolicy,
    CertificatePolicyAction,
)
from vaultbind.keyvault.types.issuer import CertificateContact, CertificateIssuer
from vaultbind.keyvault.types.jwk import JsonWebKey
from vaultbind.keyvault.types.key import (
    CreateKeyOptions,
    ImportKeyOptions,
    KeyCurve,
    KeyOperation,
    KeyRotationAction,
    KeyRotationPolicy,
    KeyType,
)

MAX_VALUE_BYTES = 25_600
MAX_CONTENT_TYPE = 255
MAX_TAGS = 15
MAX_SECRET_TAG = 512
MAX_TAG = 256
KEY_SIZES = {"RSA": (2048, 3072, 4096), "oct": (128, 192, 256)}
MAX_PORT = 65_535
HTTPS_PORT = 443

_NAME = re.compile(r"[0-9a-zA-Z-]{1,127}")
_VERSION = re.compile(r"[0-9A-Za-z]{1,32}")
_DURATION = re.compile(r"P(?:[0-9]+Y)?(?:[0-9]+M)?(?:[0-9]+D)?(?<!P)")
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_URL = re.compile(rf"https://({_LABEL}(?:\.{_LABEL})*)(?::([0-9]{{1,5}}))?/?", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultUrl:
    """A vault's address; `port` is None where the URL names none or 443."""

    host: str
    port: int | None = None

    @property
    def authority(self) -> str:
        """`host` or `host:port`."""
        return self.host if self.port is None else f"{self.host}:{self.port}"

    def __str__(self) -> str:
        return f"https://{self.authority}"


def parse_name(name: str) -> str:
    """Return `name` when the service would take it, else raise KeyVaultError (VALIDATION)."""
    if not _is_text(name) or not _NAME.fullmatch(name):
        raise _invalid("a name has 1 to 127 letters, digits and dashes")
    return name


def parse_version(version: str) -> str:
    """Return `version` (empty means the latest), else raise KeyVaultError (VALIDATION)."""
    # Anything but text would be asked for by its repr: None as the version "None".
    if not _is_text(version) or (version and not _VERSION.fullmatch(version)):
        raise _invalid("a version has 1 to 32 letters and digits, and is empty for the latest")
    return version


def parse_exact_version(version: str) -> str:
    """Return `version`, which must not be empty, else raise KeyVaultError (VALIDATION)."""
    if not version:
        raise _invalid("a version has 1 to 32 letters and digits")
    return parse_version(version)


@telling
def parse_vault_url(url: str) -> VaultUrl:
    """Parse `https://host[:port]`; no user, path, query or fragment.

        print(parse_vault_url("HTTPS://Shop.vault.azure.net:443/"))

    Raises KeyVaultError (VALIDATION) for anything else.
    """
    match = _URL.fullmatch(url)
    if not match:
        raise _invalid("a vault's URL has the form https://host or https://host:port")
    port = int(match[2]) if match[2] else None
    if port is not None and not 0 < port <= MAX_PORT:
        raise _invalid(f"a port is a number from 1 to {MAX_PORT}")
    return VaultUrl(host=match[1].lower(), port=None if port == HTTPS_PORT else port)


@telling
def has_allowed_suffix(url: VaultUrl, suffixes: Iterable[str]) -> bool:
    """Tell whether the host ends in one of `suffixes` (`.vault.azure.net`, `.localhost:8443`).

    Compared label by label on the lower-cased host. A suffix with a leading dot asks for one more label; a
    suffix with a port asks for that port.

        print(has_allowed_suffix(parse_vault_url("https://shop.vault.azure.net"), [".vault.azure.net"]))
    """
    labels = url.host.split(".")
    return any(_ends_in(labels, url.port, suffix) for suffix in suffixes)


def check_secret_value(value: str) -> None:
    """Raise KeyVaultError (VALIDATION) for a value that the service would refuse."""
    if not _is_text(value):
        raise _invalid("a secret's value is a str or a SecretString")
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        size = -1
    if size < 0:
        raise _invalid("a secret's value is text that UTF-8 can express")
    if size > MAX_VALUE_BYTES:
        raise _invalid(f"a secret's value has at most {MAX_VALUE_BYTES} bytes")


def check_secret_properties(content_type: str | None, tags: Mapping[str, str] | None) -> None:
    """Raise KeyVaultError (VALIDATION) for properties that the service would refuse."""
    if content_type is not None and len(content_type) > MAX_CONTENT_TYPE:
        raise _invalid(f"a content type has at most {MAX_CONTENT_TYPE} characters")
    check_tags(tags or {}, MAX_SECRET_TAG)


def check_tags(tags: Mapping[str, str], longest: int) -> None:
    """Raise KeyVaultError (VALIDATION) for over 15 tags, or names or values over `longest` characters."""
    if len(tags) > MAX_TAGS:
        raise _invalid(f"an object has at most {MAX_TAGS} tags")
    if not all(_is_text(text) for pair in tags.items() for text in pair):
        raise _invalid("a tag's name and value are text")
    if any(len(name) > longest or len(value) > longest for name, value in tags.items()):
        raise _invalid(f"a tag's name and value have at most {longest} characters each")


def check_new_key(options: CreateKeyOptions) -> None:
    """Raise KeyVaultError (VALIDATION) when the service would refuse to make such a key."""
    _check_shape(options.key_type, options.size, options.curve)
    if options.public_exponent is not None and not options.key_type.startswith("RSA"):
        raise _invalid("only RSA keys have a public exponent")
    _check_shared(options)


def check_imported_key(key: JsonWebKey, options: ImportKeyOptions) -> None:
    """Raise KeyVaultError (VALIDATION) when the service would refuse to take such a key."""
    _check_members(KeyType, [key.kty], "a key's type")
    if not key.d and not key.k:
        raise _invalid("a key without its private members cannot be imported")
    _check_shared(options)


def check_operations(operations: Iterable[str] | None) -> None:
    """Raise KeyVaultError (VALIDATION) for what is no operation of a key."""
    _check_members(KeyOperation, operations or (), "a key's operations")


def check_release(token: str, nonce: str | None) -> None:
    """Raise KeyVaultError (VALIDATION) for what cannot be asked when a key is to be released."""
    if not _is_text(token) or token.count(".") != 2:
        raise _invalid("an attestation token is a JWT: three parts with dots between them")
    if nonce is not None and not _is_text(nonce):
        raise _invalid("a nonce is text")


def check_rotation_policy(policy: KeyRotationPolicy) -> None:
    """Raise KeyVaultError (VALIDATION) when the service would refuse such a policy."""
    durations = [policy.expires_in] if policy.expires_in else []
    for action in policy.lifetime_actions:
        moments = [moment for moment in (action.time_after_create, action.time_before_expiry) if moment]
        if len(moments) != 1:
            raise _invalid("an action of a rotation policy has one moment: after creation or before expiry")
        _check_members(KeyRotationAction, [action.action], "an action of a rotation policy")
        if action.action == KeyRotationAction.NOTIFY and not action.time_before_expiry:
            raise _invalid("a notification comes before expiry")
        durations += moments
    if not all(_DURATION.fullmatch(duration) for duration in durations):
        raise _invalid("a duration of a rotation policy has the form P90D, P18M or P2Y")


def check_certificate_policy(policy: CertificatePolicy) -> None:
    """Raise KeyVaultError (VALIDATION) when the service would refuse such a policy."""
    if policy.content_type is not None:
        _check_members(CertificateContentType, [policy.content_type], "a certificate's content type")
    if policy.key_type is not None:
        _check_shape(policy.key_type, policy.key_size, policy.curve)
    for action in policy.lifetime_actions:
        _check_lifetime_action(action)


def parse_content_type(content_type: str) -> str:
    """Return the form of a certificate's secret, else raise KeyVaultError (VALIDATION)."""
    _check_members(CertificateContentType, [content_type], "a certificate's content type")
    return str(content_type)


def check_issuer(issuer: CertificateIssuer) -> None:
    """Raise KeyVaultError (VALIDATION) for an issuer that cannot be made."""
    if not issuer.provider:
        raise _invalid("an issuer needs a provider, such as DigiCert or GlobalSign")


def check_contacts(contacts: Sequence[CertificateContact]) -> None:
    """Raise KeyVaultError (VALIDATION) for contacts that the service would refuse."""
    if not contacts or not all(contact.email for contact in contacts):
        raise _invalid("contacts are one or more, each with an address")


def _check_shape(key_type: str, size: int | None, curve: str | None) -> None:
    _check_members(KeyType, [key_type], "a key's type")
    family = key_type.removesuffix("-HSM")
    if curve is not None:
        _check_members(KeyCurve, [curve], "a key's curve")
        if family != "EC":
            raise _invalid("only EC keys have a curve")
    sizes = KEY_SIZES.get(family, ())
    if size is not None and size not in sizes:
        known = ", ".join(map(str, sizes)) or "none: their curve tells it"
        raise _invalid(f"sizes of {key_type} keys are {known}")


def _check_lifetime_action(action: CertificateLifetimeAction) -> None:
    _check_members(CertificatePolicyAction, [action.action], "an action of a certificate policy")
    percentage, days = action.lifetime_percentage, action.days_before_expiry
    if (percentage is None) == (days is None):
        raise _invalid("an action of a certificate policy has one moment: a percentage or days before expiry")
    if percentage is not None and not 1 <= percentage <= 99:
        raise _invalid("a lifetime percentage is 1 to 99")
    if days is not None and days < 1:
        raise _invalid("days before expiry are at least 1")


def _check_shared(options: CreateKeyOptions | ImportKeyOptions) -> None:
    check_operations(options.operations)
    if options.exportable and options.release_policy is None:
        raise _invalid("an exportable key needs a release policy")
    check_tags(options.tags or {}, MAX_TAG)


def _check_members(known: type[StrEnum], given: Iterable[str], what: str) -> None:
    if not set(given) <= set(known):
        raise _invalid(f"{what}: one of {', '.join(known)}")


def _ends_in(labels: list[str], port: int | None, suffix: str) -> bool:
    host, colon, port_text = suffix.strip().lower().partition(":")
    if colon and (port or HTTPS_PORT) != (int(port_text) if port_text.isdecimal() else None):
        return False
    wanted = host.removeprefix(".").split(".")
    longer = len(labels) > len(wanted) if host.startswith(".") else len(labels) >= len(wanted)
    return all(wanted) and longer and labels[-len(wanted) :] == wanted


def _is_text(given: object) -> bool:
    """Types are not checked at run time where nobody runs a type checker."""
    return isinstance(given, str)


def _invalid(detail: str) -> KeyVaultError:
    return KeyVaultError(KeyVaultErrorKind.VALIDATION, detail=detail)
