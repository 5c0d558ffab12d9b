"""What is right: pure comparisons of what was read back. Problems name keys and parts, never values."""

import base64
import hmac
import json
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

Problems = tuple[str, ...]
READY = ("Ready", "Synced")


def decode_data(secret: Mapping[str, Any]) -> dict[str, bytes]:
    """Give the bytes of a Secret's data."""
    return {key: base64.b64decode(text) for key, text in (secret.get("data") or {}).items()}


def find_condition(obj: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    """Condition of a type, for the newest generation; empty where there is none."""
    generation = obj["metadata"].get("generation")
    for condition in (obj.get("status") or {}).get("conditions") or ():
        if condition.get("type") == kind and condition.get("observedGeneration") == generation:
            found: Mapping[str, Any] = condition
            return found
    return {}


def check_condition(obj: Mapping[str, Any], kind: str, status: str, reason: str) -> Problems:
    """Problem where a condition is not as it should be."""
    found = find_condition(obj, kind)
    if (found.get("status"), found.get("reason")) == (status, reason):
        return ()
    shown = f"{obj.get('kind')} {obj['metadata']['name']}"
    if not found:
        return (f"{shown} has no condition {kind} yet",)
    message = f": {found['message']}" if found.get("message") else ""
    return (f"{shown} has {kind} {found.get('status')} {found.get('reason')}{message}",)


def check_in_sync(binding: Mapping[str, Any]) -> Problems:
    """Problems where a binding is not Ready and Synced."""
    return next((found for kind in READY if (found := check_condition(binding, kind, "True", "Synced"))), ())


def check_data(data: Mapping[str, bytes], wanted: Mapping[str, bytes]) -> Problems:
    """Problems where keys or values differ from the wanted ones."""
    missing = [f"key {key} is missing" for key in sorted(wanted.keys() - data.keys())]
    foreign = [f"key {key} should not be there" for key in sorted(data.keys() - wanted.keys())]
    wrong = [
        f"key {key} holds something else than the vault"
        for key in sorted(wanted.keys() & data.keys())
        if not hmac.compare_digest(wanted[key], data[key])
    ]
    return (*missing, *foreign, *wrong)


def parse_property(value: str, name: str) -> bytes:
    """Property of a JSON object, as text; raises ValueError or KeyError where it is not there."""
    return str(json.loads(value)[name]).encode()


def check_tls(data: Mapping[str, bytes], leaf: bytes, count: int) -> Problems:
    """Problems of a TLS Secret: leaf (DER, as the vault has it) first, `count` in the chain, key fits."""
    missing = tuple(f"key {key} is missing" for key in ("tls.crt", "tls.key") if key not in data)
    if missing:
        return missing
    try:
        chain = x509.load_pem_x509_certificates(data["tls.crt"])
        key = load_pem_private_key(data["tls.key"], None).public_key()
        authority = x509.load_pem_x509_certificates(data["ca.crt"]) if "ca.crt" in data else []
    except ValueError:
        return ("tls.crt, tls.key or ca.crt cannot be parsed",)
    problems = []
    if chain[0].public_bytes(Encoding.DER) != leaf:
        problems.append("the first certificate of tls.crt is not the vault's leaf")
    if len(chain) != count:
        problems.append(f"tls.crt holds {len(chain)} certificates, not {count}")
    if _encode(chain[0].public_key()) != _encode(key):
        problems.append("tls.key is not the key of the first certificate")
    return (*problems, *_check_issuers([*chain, *authority[:1]]))


def _check_issuers(chain: list[x509.Certificate]) -> Problems:
    problems = []
    for number, (subject, issuer) in enumerate(pairwise(chain), 1):
        try:
            subject.verify_directly_issued_by(issuer)
        except (ValueError, TypeError, InvalidSignature):
            problems.append(f"certificate {number} of the chain is not signed by the next one")
    return tuple(problems)


def check_public_key(pem: bytes | None, wanted: Any) -> Problems:
    """Problem where a PEM is not the wanted public key."""
    if pem is None:
        return ("the key with the PEM is missing",)
    try:
        found = load_pem_public_key(pem)
    except ValueError:
        return ("the PEM cannot be parsed as a public key",)
    return () if _encode(found) == _encode(wanted) else ("the PEM is another key than the vault's",)


def _encode(key: Any) -> bytes:
    encoded: bytes = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return encoded
