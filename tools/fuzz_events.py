"""Tokens and bodies that strangers send to the webhook for events, and what a vault gives as a value."""

import base64
import json
from datetime import UTC, datetime
from functools import cache
from random import Random
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

from tools.fuzz_json import bend, draw_text
from vaultbind.api.binding import Decode
from vaultbind.rendering.decode import decode_text
from vaultbind.rendering.json_property import render_property
from vaultbind.vaults.bearer import EVENT_GRID, EntraSettings, check_token, parse_key_id, parse_keys
from vaultbind.vaults.hints import parse_hints

NOW: Final = datetime(2027, 1, 15, tzinfo=UTC)
SETTINGS: Final = EntraSettings(tenant="00000000-0000-0000-0000-00000000cafe", audiences=("api://events",))
CLAIMS: Final = {
    "aud": "api://events",
    "iss": SETTINGS.issuers[0],
    "exp": int(NOW.timestamp()) + 3600,
    "nbf": int(NOW.timestamp()) - 60,
    "appid": EVENT_GRID,
}
EVENT: Final = {
    "id": "1",
    "type": "Microsoft.KeyVault.SecretNewVersionCreated",
    "source": "/subscriptions/a/resourceGroups/b/providers/Microsoft.KeyVault/vaults/shop",
    "data": {"Id": "https://shop.vault.azure.net/secrets/db/0123", "ObjectName": "db"},
}
DOCUMENT: Final = {"user": {"name": "a", "a.b": [1, 2.50, {"x": None}]}, "list": [[], {}], "n": 10**30}
PATHS: Final = ("user", "user.name", "user.a.b.1", "/user/a.b/2", "/list/0", "n", "/n", "list.0.x")


class NothingFoundError(Exception):
    """No object of a vault in an event, or no such bytes in a value: taken for a refusal."""


@cache
def _key() -> tuple[ec.EllipticCurvePrivateKey, jwt.PyJWK]:
    key = ec.derive_private_key(20261126, ec.SECP256R1())
    public = jwt.algorithms.ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return key, parse_keys({"keys": [{**public, "kid": "k", "use": "sig"}]})["k"]


def draw_token(draw: Random) -> str:
    """A token that is well signed but says something odd, or one whose parts have been bent."""
    kind = draw.random()
    if kind < 0.2:
        return jwt.encode(CLAIMS, _key()[0], "ES256", headers={"kid": "k"})
    if kind < 0.5:
        claims = bend(draw, CLAIMS)
        said = (_part({"alg": "ES256", "kid": "k", "typ": "JWT"}), _part(claims))
        signature = jwt.algorithms.ECAlgorithm(jwt.algorithms.ECAlgorithm.SHA256).sign(
            ".".join(said).encode(), _key()[0]
        )
        return ".".join((*said, _encode(signature)))
    header = draw.choice((bend(draw, {"alg": "ES256", "kid": "k"}), {"alg": "ES256", "kid": "k"}))
    deep = _encode(b"[" * 2_500 + b"]" * 2_500)
    parts = (
        draw.choice((_part(header), draw_text(draw), deep)),
        draw.choice((_part(CLAIMS), deep)),
        draw.choice(("", "AAAA", draw_text(draw))),
    )
    return draw.choice((".".join(parts), "".join(parts), draw_text(draw), f"{'.'.join(parts)}\udcff"))


def take_token(token: str) -> None:
    """As the webhook does it. Raises TokenError."""
    parse_key_id(token)
    check_token(token, _key()[1], SETTINGS, NOW)


def draw_events(draw: Random) -> Any:
    """What a body may say, as it comes out of the reader of JSON."""
    events = bend(draw, [EVENT, {**EVENT, "eventType": EVENT["type"]}])
    return draw.choice((events, bend(draw, EVENT), EVENT))


def take_events(content: Any) -> None:
    """Raises NothingFoundError."""
    if not list(parse_hints(content)):
        raise NothingFoundError


def draw_value(draw: Random) -> tuple[str, str, Decode]:
    """A secret's text, a property of it, and what its text is said to be."""
    text = json.dumps(DOCUMENT)
    odd = (
        '{"a":' * 5_000 + "1" + "}" * 5_000,
        "[" * 100_000,
        '{"n": 1e400, "n": NaN}',
        "\ufeff{}",
        "9" * 9_000,
    )
    bent = (
        text[: draw.randrange(len(text))] + draw.choice(("", "\ud800", "}", '"')) + text[draw.randrange(9) :]
    )
    given = draw.choice((*[text] * 9, bent, *odd, draw_text(draw), base64.b64encode(text.encode()).decode()))
    path = draw.choice((*PATHS, draw_text(draw)[:253], "9" * 253, "/" + "~" * 9))
    return given, path, draw.choice((Decode.NONE, *Decode))


def take_value(given: tuple[str, str, Decode]) -> None:
    """Raises PropertyError, NothingFoundError."""
    text, path, decode = given
    if decode_text(text, decode) is None:
        raise NothingFoundError
    render_property(text, path).encode()


def _part(content: Any) -> str:
    return _encode(json.dumps(content).encode())


def _encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
