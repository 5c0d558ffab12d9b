"""Keys, clients, assertions and users: what says whom to believe, from wherever it is fetched or sent."""

import json
from functools import cache
from random import Random
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

from tools.fuzz_events import NothingFoundError
from tools.fuzz_json import bend, draw_text
from vaultbind.emulator.clients import EXCHANGE_AUDIENCE, Client, parse_client
from vaultbind.emulator.proof import check_assertion
from vaultbind.injection.identity import decide_pod, parse_caller
from vaultbind.vaults.bearer import parse_keys

NOW: Final = 1_800_000_000
"""Epoch seconds."""
ISSUER: Final = "https://issuer.example"
SUBJECT: Final = "system:serviceaccount:shop:web"
CLAIMS: Final = {"iss": ISSUER, "sub": SUBJECT, "aud": EXCHANGE_AUDIENCE, "exp": NOW + 60, "nbf": NOW}
USER: Final[dict[str, Any]] = {
    "username": SUBJECT,
    "uid": "1",
    "groups": ["system:serviceaccounts"],
    "extra": {
        "authentication.kubernetes.io/pod-name": ["web"],
        "authentication.kubernetes.io/pod-uid": ["2"],
    },
}


@cache
def _key() -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(20261126, ec.SECP256R1())


@cache
def _document() -> dict[str, Any]:
    """Keys as a discovery document leads to them: an elliptic one and one of RSA."""
    curve = jwt.algorithms.ECAlgorithm.to_jwk(_key().public_key(), as_dict=True)
    modulus = "1" + "A" * 341 + "w"  # no key of anybody's: an odd number of 2048 bits
    rsa = {"kty": "RSA", "n": modulus, "e": "AQAB", "alg": "RS256"}
    return {"keys": [{**curve, "kid": "k", "use": "sig"}, {**rsa, "kid": "r", "use": "sig"}]}


def draw_keys(draw: Random) -> Any:
    """A document of keys, as it comes out of the reader of JSON."""
    return draw.choice((_document(), *(bend(draw, _document()) for _ in range(4))))


def take_keys(content: Any) -> None:
    """As for senders of events. Raises NothingFoundError where no key is left."""
    if not parse_keys(content):
        raise NothingFoundError


def draw_client(draw: Random) -> Any:
    """A client of the emulator's: by seed, or by a request to it."""
    federated = {"issuer": ISSUER, "subject": SUBJECT, "jwks": _document()}
    whole = {"secret": "s", "federated": [federated], "certificates": None}
    return draw.choice(
        (whole, *(bend(draw, whole) for _ in range(4)), {**whole, "certificates": draw_text(draw)})
    )


def take_client(content: Any) -> None:
    """Raises NothingFoundError for one with mistakes."""
    problems: list[str] = []
    parse_client(content, "clients.web", problems)
    if problems:
        raise NothingFoundError


@cache
def _client() -> Client:
    problems: list[str] = []
    federated = {"issuer": ISSUER, "subject": SUBJECT, "jwks": _document()}
    client = parse_client({"federated": [federated]}, "clients.web", problems)
    assert not problems  # noqa: S101 - of our own making
    return client


def draw_assertion(draw: Random) -> str:
    """A federated token: good, well signed with odd claims, or bent."""
    kind = draw.random()
    if kind < 0.2:
        return jwt.encode(CLAIMS, _key(), "ES256", headers={"kid": "k"})
    head = {"alg": "ES256", "kid": "k"}
    said = [head if kind < 0.6 else bend(draw, head), bend(draw, CLAIMS) if draw.random() < 0.7 else CLAIMS]
    texts = [jwt.utils.base64url_encode(json.dumps(part).encode()).decode() for part in said]
    signature = jwt.algorithms.ECAlgorithm(jwt.algorithms.ECAlgorithm.SHA256).sign(
        ".".join(texts).encode(), _key()
    )
    parts = [*texts, jwt.utils.base64url_encode(signature).decode()]
    if kind > 0.8:
        parts[draw.randrange(3)] = draw.choice((draw_text(draw), "", "AAAA", "W" * 9_000, parts[0]))
    return ".".join(parts)


def take_assertion(text: str) -> None:
    """As the emulator's token endpoint does. Raises NothingFoundError for a refusal."""
    if check_assertion(_client(), "web", text, frozenset({"https://login.example"}), NOW) is not None:
        raise NothingFoundError


def draw_caller(draw: Random) -> tuple[Any, dict[str, Any]]:
    """What a TokenReview tells of a pod's token, and the pod's annotations, which its author has written."""
    annotations = {"vaultbind.dev/bindings": draw.choice(("shop-db", "shop-db", draw_text(draw)))}
    if draw.random() < 0.3:
        annotations[f"vaultbind.dev/{draw_text(draw)}"] = draw_text(draw)
    metadata = {"uid": "2", "labels": {"vaultbind.dev/inject": "true"}, "annotations": annotations}
    pod = {"metadata": metadata, "spec": {"serviceAccountName": "web"}}
    names = draw.choice((["web"], ["web"], ["web"], [], ["web", "other"], [draw_text(draw)]))
    account = draw.choice((SUBJECT, SUBJECT, SUBJECT, SUBJECT + draw_text(draw), draw_text(draw)))
    extra = {**USER["extra"], "authentication.kubernetes.io/pod-name": names}
    return {**USER, "username": account, "extra": draw.choice((extra, extra, extra, None, {}))}, pod


def take_caller(given: tuple[Any, dict[str, Any]]) -> None:
    """As the broker does. Raises RefusalError."""
    user, pod = given
    decide_pod(parse_caller(user), pod, "shop-db")
