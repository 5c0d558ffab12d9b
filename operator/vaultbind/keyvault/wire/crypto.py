"""Key operations on the wire: bytes as base64url, answers with the versioned id of the key."""

from dataclasses import dataclass, field

from vaultbind.keyvault.wire.documents import Json, parse_bytes, parse_text, render_bytes, render_document


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationAnswer:
    """What an operation returns, whichever it is; its repr shows no bytes."""

    key_id: str
    value: bytes = field(repr=False)
    iv: bytes | None = None
    tag: bytes | None = None
    aad: bytes | None = None


def render_operation(
    algorithm: str,
    value: bytes,
    *,
    iv: bytes | None = None,
    aad: bytes | None = None,
    tag: bytes | None = None,
) -> bytes:
    """Render the body of encrypt, decrypt, sign, wrapkey and unwrapkey."""
    return render_document(
        {
            "alg": algorithm,
            "value": render_bytes(value),
            "iv": render_bytes(iv),
            "aad": render_bytes(aad),
            "tag": render_bytes(tag),
        }
    )


def render_verification(algorithm: str, digest: bytes, signature: bytes) -> bytes:
    """Render the body of verify."""
    return render_document(
        {"alg": algorithm, "digest": render_bytes(digest), "value": render_bytes(signature)}
    )


def parse_operation(data: Json) -> OperationAnswer:
    """Parse the answer of encrypt, decrypt, sign, wrapkey and unwrapkey."""
    optional = {name: parse_bytes(data[name]) for name in ("iv", "tag", "aad") if data.get(name) is not None}
    return OperationAnswer(
        key_id=parse_text(data["kid"]), value=parse_bytes(parse_text(data["value"])), **optional
    )


def parse_verification(data: Json) -> bool:
    """Parse the answer of verify: nothing but a plain true is a yes."""
    if not isinstance(data["value"], bool):
        raise TypeError("value")
    return data["value"]


def render_count(count: int) -> bytes:
    """Render the body of a request for random bytes."""
    return render_document({"count": count})


def parse_random(data: Json) -> bytes:
    """Parse random bytes."""
    return parse_bytes(parse_text(data["value"]))
