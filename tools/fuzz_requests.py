"""Strange requests, drawn from a seeded source: mostly almost right, at times anything."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final

import orjson

from vaultbind.keyvault.simulation.bundles import render_value
from vaultbind.keyvault.simulation.issuing import issue_chain
from vaultbind.keyvault.simulation.policies import PEM
from vaultbind.keyvault.versions import API_VERSIONS

NAMES: Final = ("a", "B-1", "tls", "x" * 127, "x" * 128, "", "a_b", "ä", "..", "%2e", "pending", "versions")
VERSIONS: Final = ("", "0" * 32, "F" * 32, "v1", "policy", "x" * 500)
KINDS: Final = (
    *("secrets", "keys", "certificates", "SECRETS"),
    *("deletedsecrets", "deletedkeys", "deletedcertificates"),
)
SUBPATHS: Final = (
    *("", "create", "import", "versions", "policy", "pending", "pending/merge", "backup", "recover"),
    *("rotate", "rotationpolicy", "encrypt", "decrypt", "sign", "verify", "wrapkey", "unwrapkey"),
    *("release", "attestation"),
)
WHOLES: Final = (
    *("/", "", "//", "/rng", "/secrets/restore", "/keys/restore", "/certificates/restore", "/favicon.ico"),
    *("/certificates/contacts", "/certificates/issuers", "/certificates/issuers/a", "/msi/token"),
    *("/metadata/identity/oauth2/token", "/t/oauth2/v2.0/token", "/t/v2.0/.well-known/openid-configuration"),
    *("/t/.well-known/openid-configuration", "/t/discovery/keys"),
    *(
        "/_vaultbind/stats",
        "/_vaultbind/time",
        "/_vaultbind/access",
        "/_vaultbind/snapshot",
        "/_vaultbind/log",
    ),
    *("/_vaultbind/vaults", "/_vaultbind/subscriptions", "/_vaultbind/validate", "/_vaultbind/value"),
    *("/_vaultbind/page.js", "/_vaultbind/page.css", "/_vaultbind/nothing"),
    *("/topics/keyvault/eventsubscriptions/a:acknowledge", "/topics/keyvault/eventsubscriptions/a:reject"),
)
METHODS: Final = ("GET", "PUT", "POST", "PATCH", "DELETE", "HEAD", "OPTIONS", "BREW")

PLAUSIBLE: Final[dict[str, Sequence[Any]]] = {
    "value": ("x", "", "AAAA", "-----BEGIN CERTIFICATE-----", "x" * 26_000),
    "contentType": ("text/plain", "application/x-pkcs12", "application/x-pem-file"),
    "tags": ({"a": "b"}, {str(number): "x" for number in range(20)}),
    "kty": ("RSA", "EC", "oct-HSM", "EC-HSM", "oct", "rsa"),
    "key_size": (2048, 256, 128, 1, -1, 10**12),
    "crv": ("P-256", "P-256K", "P-521", "P-1"),
    "key_ops": (["sign"], ["sign", "sign"], [], ["fly"]),
    "alg": ("RSA-OAEP", "ES256", "A256GCM", "HS256", "RS256", "A128CBCPAD", "none"),
    "pwd": ("", "secret"),
    "cancellation_requested": (True, False),
    "count": (0, 1, 128, 129),
    "grant_type": ("client_credentials",),
    "name": ("a", "", "a.b"),
    "advance": ("1d", "-1h", "3650d", "soon"),
    "set": ("2030-01-31T12:00:00Z", "0001-01-01", "x"),
}
NESTED: Final = {
    "attributes": ("enabled", "nbf", "exp", "exportable", "expiryTime"),
    "policy": ("key_props", "secret_props", "x509_props", "lifetime_actions", "issuer", "attributes"),
    "key": ("kty", "n", "e", "d", "p", "q", "crv", "x", "y", "k", "key_ops"),
    "key_props": ("kty", "key_size", "crv", "exportable", "reuse_key"),
    "x509_props": ("subject", "sans", "ekus", "key_usage", "validity_months"),
    "issuer": ("name", "cty"),
    "release_policy": ("data", "contentType", "immutable"),
    "lifetimeActions": (),
}


HOSTS: Final = (
    "shop.vault.azure.net",
    "127.0.0.1:8443",
    "[::1]:8443",
    "x",
    "",
    "..",
    "a:b:c",
    "shop.vault.localhost",
)
QUERIES: Final[Mapping[str, Sequence[str]]] = {
    "maxresults": ("1", "25", "0", "26", "x", "²"),
    "$skiptoken": ("MCE", "LTEhYQ", "////", "x", ""),
    "outContentType": ("application/x-pem-file", "application/x-pkcs12", "x"),
    "resource": ("https://vault.azure.net", "x", ""),
    "limit": ("1", "0", "²", "x"),
    "vault": ("shop", "none", ""),
    "includePending": ("true", "x"),
}
LETTERS: Final = "abcXYZ019-_./%{}\"'<>&=?#+ äß²\u202e\x00\x7f\U0001f600\r\n"
NUMBERS: Final = (0, 1, -1, 2**31, 2**53, 2**63 - 1, -(2**63), 253_402_300_800, 1.5, -0.0, 1e308)
OPERATIONS: Final = (
    *(("PUT", "/secrets/{name}"), ("PATCH", "/secrets/{name}/{version}"), ("POST", "/secrets/{name}/backup")),
    *(("POST", "/keys/{name}/create"), ("PUT", "/keys/{name}"), ("PATCH", "/keys/{name}/{version}")),
    *(("POST", "/keys/{name}/rotate"), ("PUT", "/keys/{name}/rotationpolicy"), ("POST", "/rng")),
    *(("POST", f"/keys/{{name}}/{{version}}/{verb}") for verb in SUBPATHS if verb.endswith(("crypt", "key"))),
    *(("POST", f"/keys/{{name}}/{{version}}/{verb}") for verb in ("sign", "verify", "release")),
    *(("POST", "/certificates/{name}/create"), ("POST", "/certificates/{name}/import")),
    *(("PATCH", "/certificates/{name}/{version}"), ("PATCH", "/certificates/{name}/policy")),
    *((method, "/certificates/{name}/pending") for method in ("GET", "PATCH", "DELETE")),
    *((method, "/certificates/contacts") for method in ("GET", "PUT", "DELETE")),
    *((method, "/certificates/issuers/{name}") for method in ("GET", "PUT", "PATCH", "DELETE")),
    *(("POST", "/certificates/{name}/pending/merge"), ("GET", "/certificates/{name}/policy")),
    *(("POST", f"/{kind}/restore") for kind in KINDS[:3]),
    *(("GET", f"/{kind}") for kind in KINDS),
    *(("GET", f"/{kind}/{{name}}/versions") for kind in KINDS[:3]),
    *(("GET", f"/{kind}/{{name}}/{{version}}") for kind in KINDS[:3]),
    *(("DELETE", f"/{kind}/{{name}}") for kind in KINDS[:3]),
    *((method, f"/{kind}/{{name}}") for kind in KINDS[4:] for method in ("GET", "DELETE")),
    *(("POST", f"/{kind}/{{name}}/recover") for kind in KINDS[4:]),
)
"""What the service knows, so that strange bodies reach it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Strange:
    """One request."""

    method: str
    host: str
    path: str
    query: dict[str, str]
    body: bytes


SELF: Final = {"issuer": {"name": "Self"}, "x509_props": {"subject": "CN=a"}, "key_props": {"kty": "EC"}}
POLICY: Final[Mapping[str, Any]] = {
    "key_props": {"kty": "EC", "crv": "P-256", "exportable": True, "reuse_key": False},
    "secret_props": {"contentType": PEM},
    "x509_props": {
        "subject": "CN=a",
        "ekus": ["1.3.6.1.5.5.7.3.1"],
        "key_usage": ["digitalSignature"],
        "validity_months": 12,
        "sans": {"dns_names": ["a"], "emails": ["a@b.test"], "upns": ["a@b.test"], "ipAddresses": ["::1"]},
        "basic_constraints": {"ca": False},
    },
    "lifetime_actions": [{"trigger": {"lifetime_percentage": 50}, "action": {"action_type": "AutoRenew"}}],
    "issuer": {"name": "Self", "cty": "x", "cert_transparency": False},
}
ISSUER: Final[Mapping[str, Any]] = {
    "provider": "Test",
    "credentials": {"account_id": "a", "pwd": "b"},
    "org_details": {"id": "1", "admin_details": [{"first_name": "a", "email": "a@b.test", "phone": "1"}]},
    "attributes": {"enabled": True},
}
UPLOAD: Final = render_value(
    issue_chain(["a.test"], not_before=1_800_000_000, not_after=1_900_000_000).bundle(
        with_root=False, content_type=PEM
    ),
    PEM,
    exportable=True,
)
ACTION: Final = {"trigger": {"timeAfterCreate": "P90D"}, "action": {"type": "Rotate"}}
RIGHT: Final[Mapping[tuple[str, str], Sequence[Mapping[str, Any]]]] = {
    ("PUT", "/secrets/{name}"): ({"value": "x", "attributes": {"exp": 1_900_000_000}, "tags": {"a": "b"}},),
    ("POST", "/keys/{name}/create"): (
        {"kty": "EC", "crv": "P-256", "key_ops": ["sign", "verify"]},
        {"kty": "RSA", "key_size": 2048},
        {"kty": "oct-HSM", "key_size": 256},
    ),
    ("POST", "/certificates/{name}/create"): (
        {"policy": SELF},
        {"policy": {**SELF, "key_props": {"kty": "RSA"}}},
        {"policy": POLICY, "attributes": {"enabled": True}, "tags": {"a": "b"}, "preserveCertOrder": True},
    ),
    ("POST", "/certificates/{name}/import"): ({"value": UPLOAD, "pwd": "", "policy": POLICY},),
    ("POST", "/certificates/{name}/pending/merge"): ({"x5c": ["AAAA"], "tags": {"a": "b"}},),
    ("PUT", "/keys/{name}/rotationpolicy"): (
        {"lifetimeActions": [ACTION], "attributes": {"expiryTime": "P1Y"}},
    ),
    ("POST", "/keys/{name}/{version}/sign"): (
        {"alg": "ES256", "value": "A" * 43},
        {"alg": "RS256", "value": "A" * 43},
    ),
    ("POST", "/keys/{name}/{version}/verify"): ({"alg": "ES256", "digest": "A" * 43, "value": "A" * 86},),
    ("POST", "/keys/{name}/{version}/encrypt"): (
        {"alg": "RSA-OAEP-256", "value": "AAAA"},
        {"alg": "A256GCM", "value": "AAAA", "aad": "AAAA"},
        {"alg": "A256CBCPAD", "value": "AAAA", "iv": "A" * 22},
    ),
    ("POST", "/keys/{name}/{version}/decrypt"): (
        {"alg": "A256GCM", "value": "AAAA", "iv": "A" * 16, "tag": "A" * 22},
        {"alg": "RSA-OAEP", "value": "A" * 342},
    ),
    ("POST", "/keys/{name}/{version}/wrapkey"): (
        {"alg": "RSA-OAEP", "value": "A" * 43},
        {"alg": "A256KW", "value": "A" * 43},
    ),
    ("POST", "/keys/{name}/{version}/unwrapkey"): ({"alg": "A256KW", "value": "A" * 54},),
    ("PATCH", "/certificates/{name}/policy"): (SELF, POLICY, {"lifetime_actions": []}),
    ("PUT", "/certificates/issuers/{name}"): (ISSUER,),
    ("PATCH", "/certificates/issuers/{name}"): (ISSUER,),
    ("PUT", "/certificates/contacts"): ({"contacts": [{"email": "a@b.test", "name": "a"}]},),
    ("POST", "/rng"): ({"count": 5},),
}
"""Bodies that are right, to be bent a little."""


def draw_request(rng: Random) -> Strange:
    """One request: three of four have a path that the service knows and a body that is not far off."""
    if rng.random() < 0.75:
        method, path = rng.choice((*OPERATIONS, *RIGHT, *RIGHT))
        return Strange(
            method=method,
            host=HOSTS[0],
            path=path.format(name=rng.choice(NAMES[:3]), version=rng.choice(VERSIONS[:2])),
            query={**_query(rng), "api-version": "7.6"},
            body=_dump(_body(rng, RIGHT.get((method, path)))),
        )
    return Strange(
        method=rng.choice(METHODS),
        host=rng.choice(HOSTS),
        path=_path(rng),
        query=_query(rng),
        body=_dump(_anything(rng, 0)) if rng.random() < 0.7 else rng.randbytes(rng.randrange(40)),
    )


def _body(rng: Random, right: Sequence[Mapping[str, Any]] | None) -> Any:
    """A right body as it is, one with a member bent or gone, or members at random."""
    if right is None or rng.random() < 0.2:
        return _object(rng, (*PLAUSIBLE, *NESTED), 0)
    chosen = rng.choice(right)
    return chosen if rng.random() < 0.4 else _bent(rng, chosen)


def _bent(rng: Random, content: Any) -> Any:
    if isinstance(content, Mapping) and content and rng.random() < 0.8:
        name = rng.choice(sorted(content))
        rest = {key: value for key, value in content.items() if key != name}
        return rest if rng.random() < 0.2 else {**rest, name: _bent(rng, content[name])}
    if isinstance(content, list) and content and rng.random() < 0.5:
        return [_bent(rng, content[0]), *content[1:]]
    return _anything(rng, 1)


def _path(rng: Random) -> str:
    if rng.random() < 0.4:
        return rng.choice(WHOLES)
    if rng.random() < 0.2:
        return f"/{_text(rng)}"
    parts = (rng.choice(KINDS), rng.choice((*NAMES, _text(rng))), rng.choice(VERSIONS), rng.choice(SUBPATHS))
    return "/" + "/".join(parts[: rng.randrange(1, 5)])


def _query(rng: Random) -> dict[str, str]:
    names = rng.sample(list(QUERIES), rng.randrange(3))
    version = rng.choice((*sorted(API_VERSIONS), "", "9.9"))
    return {"api-version": version, **{name: rng.choice(QUERIES[name]) for name in names}}


def _object(rng: Random, names: Sequence[str], depth: int) -> dict[str, Any]:
    """Some of the members, each mostly what it could be."""
    chosen = rng.sample(names, rng.randrange(min(len(names), 7) + 1))
    return {name: _value(rng, name, depth) for name in chosen}


def _value(rng: Random, name: str, depth: int) -> Any:
    if rng.random() < 0.15:
        return _anything(rng, 1)
    if name in NESTED and depth < 3:
        return _object(rng, NESTED[name], depth + 1)
    return rng.choice(PLAUSIBLE[name]) if name in PLAUSIBLE else _anything(rng, 1)


def _anything(rng: Random, depth: int) -> Any:
    """Any JSON."""
    kind = rng.randrange(8 if depth < 3 else 6)
    if kind == 7:
        return {_text(rng): _anything(rng, depth + 1) for _ in range(rng.randrange(3))}
    if kind == 6:
        return [_anything(rng, depth + 1) for _ in range(rng.randrange(3))]
    if kind == 5:
        return rng.choice(NUMBERS)
    return (None, True, False, _text(rng), rng.choice(("", "AAAA", "PFX", "P90D")))[kind]


def _text(rng: Random) -> str:
    return "".join(rng.choice(LETTERS) for _ in range(rng.randrange(9)))


def _dump(content: Any) -> bytes:
    return orjson.dumps(content)


RAW: Final = (
    b"",
    b"GET",
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
    b"GET /secrets HTTP/1.1\r\nHost: \xff\xfe\r\n\r\n",
    b"GET /secrets HTTP/1.1\r\nHost: \xff.vault.localhost\r\n\r\n",
    b"GET /_vaultbind/log HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /_vaultbind/log?limit=" + b"9" * 5000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /secrets HTTP/1.1\r\nHost: " + b"x" * 9000 + b"\r\n\r\n",
    b"GET /%ff%fe HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /secrets?%ff=%fe&&==& HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /secrets HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    b"GET /secrets HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \xff\r\n\r\n",
    b"GET /_vaultbind/stats HTTP/1.1\r\nHost: x\r\nOrigin: \xff\r\n\r\n",
    b"PUT /secrets/a HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nab",
    b"PUT /secrets/a HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    b"PUT /secrets/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"PUT /secrets/a HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd",
    b"POST /t/oauth2/v2.0/token HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n\xff=\xfe",
    b"\x16\x03\x01\x02\x00",
)
"""Bytes that are hardly HTTP."""
