"""Clients that the token endpoint knows, and by what each of them may show who it is."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from vaultbind.emulator.assertions import PublicKey, parse_jwk
from vaultbind.keyvault.simulation.keymaterial import encode

EXCHANGE_AUDIENCE: Final = "api://AzureADTokenExchange"
CLIENT_FIELDS: Final = frozenset({"secret", "certificates", "federated"})
FEDERATED_FIELDS: Final = frozenset({"issuer", "subject", "audience", "jwks"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Federation:
    """A foreign token that stands for the client: who issued it, for whom, and the issuer's keys by `kid`."""

    issuer: str
    subject: str
    audience: str = EXCHANGE_AUDIENCE
    keys: Mapping[str, PublicKey] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """One application; whatever it has none of, it can not use."""

    secret: str = field(default="", repr=False)
    certificates: Mapping[str, x509.Certificate] = field(default_factory=dict)
    """By thumbprint, SHA-1 and SHA-256 in base64url."""
    federated: tuple[Federation, ...] = ()


def as_client(value: "str | Client") -> Client:
    """The short form, a secret, as a client."""
    return Client(secret=value) if isinstance(value, str) else value


def certificates_by_thumbprint(pem: str) -> dict[str, x509.Certificate]:
    """Certificates of a PEM text; raises ValueError."""
    found: dict[str, x509.Certificate] = {}
    for certificate in x509.load_pem_x509_certificates(pem.encode()):
        der = certificate.public_bytes(Encoding.DER)
        found[encode(hashlib.sha1(der, usedforsecurity=False).digest())] = certificate
        found[encode(hashlib.sha256(der).digest())] = certificate
    return found


def parse_client(content: Any, where: str, problems: list[str]) -> Client:
    """Read a client: its secret, or an object; mistakes go to `problems`, never with a value."""
    if isinstance(content, str):
        return Client(secret=content)
    if not isinstance(content, Mapping):
        problems.append(f"{where} must be a secret or a mapping")
        return Client()
    problems.extend(f"{where}.{name} is unknown" for name in content if name not in CLIENT_FIELDS)
    secret = content.get("secret", "")
    if not isinstance(secret, str):
        problems.append(f"{where}.secret must be a text")
    return Client(
        secret=str(secret),
        certificates=_parse_certificates(content.get("certificates"), f"{where}.certificates", problems),
        federated=tuple(
            _parse_federation(item, f"{where}.federated[{index}]", problems)
            for index, item in enumerate(_items(content.get("federated"), f"{where}.federated", problems))
        ),
    )


def _parse_certificates(content: Any, where: str, problems: list[str]) -> dict[str, x509.Certificate]:
    if content is None:
        return {}
    try:
        return certificates_by_thumbprint(content)
    except (ValueError, AttributeError):
        problems.append(f"{where} must be certificates as PEM text")
        return {}


def _parse_federation(content: Any, where: str, problems: list[str]) -> Federation:
    if not isinstance(content, Mapping):
        problems.append(f"{where} must be a mapping")
        return Federation(issuer="", subject="")
    problems.extend(f"{where}.{name} is unknown" for name in content if name not in FEDERATED_FIELDS)
    texts = {name: content.get(name) for name in ("issuer", "subject")}
    problems.extend(
        f"{where}.{name} must be a text" for name, value in texts.items() if not isinstance(value, str)
    )
    audience = content.get("audience", EXCHANGE_AUDIENCE)
    if not isinstance(audience, str):
        problems.append(f"{where}.audience must be a text")
    return Federation(
        issuer=str(texts["issuer"]),
        subject=str(texts["subject"]),
        audience=str(audience),
        keys=_parse_jwks(content.get("jwks"), f"{where}.jwks", problems),
    )


def _parse_jwks(content: Any, where: str, problems: list[str]) -> dict[str, PublicKey]:
    keys = content.get("keys") if isinstance(content, Mapping) else None
    if not isinstance(keys, list) or not keys:
        problems.append(f"{where} must be a JSON Web Key Set with at least one key")
        return {}
    found: dict[str, PublicKey] = {}
    for index, jwk in enumerate(keys):
        key = parse_jwk(jwk) if isinstance(jwk, Mapping) else None
        if key is None:
            problems.append(f"{where}.keys[{index}] is no public key of type RSA or EC")
        else:
            found[str(jwk.get("kid", ""))] = key
    return found


def _items(content: Any, where: str, problems: list[str]) -> list[Any]:
    if content is None:
        return []
    if isinstance(content, list):
        return content
    problems.append(f"{where} must be a list")
    return []
