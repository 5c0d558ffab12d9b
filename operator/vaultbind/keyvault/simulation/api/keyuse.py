"""REST calls that use a key: encrypt, decrypt, wrap, unwrap, sign, verify; and random bytes."""

import secrets
from collections.abc import Mapping
from typing import Any, Final

from vaultbind.keyvault.simulation.algorithms import Operation
from vaultbind.keyvault.simulation.api.calls import Call, object_id, parse_integer, parse_text
from vaultbind.keyvault.simulation.api.keys import render_key
from vaultbind.keyvault.simulation.api.messages import Answer
from vaultbind.keyvault.simulation.exchange import CryptoInput
from vaultbind.keyvault.simulation.keymaterial import decode, encode
from vaultbind.keyvault.simulation.problems import bad_parameter
from vaultbind.keyvault.simulation.records import Kind
from vaultbind.keyvault.simulation.release import DEFAULT_WRAP, ReleaseRequest, sign_release

MAX_RANDOM_BYTES: Final = 128


def parse_bytes(content: Mapping[str, Any], name: str) -> bytes | None:
    """Bytes of a base64url member; raises VaultProblem (BadParameter)."""
    text = parse_text(content, name)
    return None if text is None else decode(text)


def _required(content: Mapping[str, Any], name: str) -> bytes:
    value = parse_bytes(content, name)
    if value is None:
        raise bad_parameter(f"Property {name} has invalid value\r\n")
    return value


def _parse_input(content: Mapping[str, Any], value: str = "value") -> CryptoInput:
    return CryptoInput(
        algorithm=parse_text(content, "alg") or "",
        value=_required(content, value),
        iv=parse_bytes(content, "iv"),
        aad=parse_bytes(content, "aad"),
        tag=parse_bytes(content, "tag"),
    )


def _transform(call: Call, operation: Operation) -> Answer:
    record, output = call.vault.keys.transform(
        call.route.name, call.route.version, operation, _parse_input(call.content()), now=call.now
    )
    extras = {"iv": output.iv, "tag": output.tag, "aad": output.aad}
    return Answer(
        content={
            "kid": object_id(call, Kind.KEYS, record),
            "value": encode(output.value),
            **{name: encode(value) for name, value in extras.items() if value is not None},
        }
    )


def encrypt(call: Call) -> Answer:
    """POST /keys/{name}/{version}/encrypt."""
    return _transform(call, Operation.ENCRYPT)


def decrypt(call: Call) -> Answer:
    """POST /keys/{name}/{version}/decrypt."""
    return _transform(call, Operation.DECRYPT)


def wrap(call: Call) -> Answer:
    """POST /keys/{name}/{version}/wrapkey."""
    return _transform(call, Operation.WRAP)


def unwrap(call: Call) -> Answer:
    """POST /keys/{name}/{version}/unwrapkey."""
    return _transform(call, Operation.UNWRAP)


def sign(call: Call) -> Answer:
    """POST /keys/{name}/{version}/sign."""
    asked = _parse_input(call.content())
    record, signature = call.vault.keys.sign(
        call.route.name, call.route.version, asked.algorithm, asked.value, now=call.now
    )
    return Answer(content={"kid": object_id(call, Kind.KEYS, record), "value": encode(signature)})


def verify(call: Call) -> Answer:
    """POST /keys/{name}/{version}/verify: `digest` is what was signed, `value` the signature."""
    content = call.content()
    asked = _parse_input(content, "digest")
    is_valid = call.vault.keys.verify(
        call.route.name, call.route.version, asked, _required(content, "value"), now=call.now
    )
    return Answer(content={"value": is_valid})


def release(call: Call) -> Answer:
    """POST /keys/{name}/{version}/release."""
    content = call.content()
    asked = ReleaseRequest(
        target=parse_text(content, "target") or "",
        nonce=parse_text(content, "nonce"),
        algorithm=parse_text(content, "enc") or DEFAULT_WRAP,
    )
    record, wrapped = call.vault.keys.release(call.route.name, call.route.version, asked, now=call.now)
    key = render_key(call, record)
    key["key"]["key_hsm"] = wrapped
    version = call.query["api-version"]
    request = {"api-version": version, "enc": asked.algorithm, "kid": key["key"]["kid"], "nonce": asked.nonce}
    payload = {
        "request": {name: value for name, value in request.items() if value is not None},
        "response": {"key": key},
    }
    return Answer(content={"value": sign_release(payload, call.vault.keys.signer())})


def random_bytes(call: Call) -> Answer:
    """POST /rng."""
    count = parse_integer(call.content(), "count")
    if count is None or not 1 <= count <= MAX_RANDOM_BYTES:
        raise bad_parameter(f"Property count has invalid value: it must be 1 to {MAX_RANDOM_BYTES}.\r\n")
    return Answer(content={"value": encode(secrets.token_bytes(count))})
