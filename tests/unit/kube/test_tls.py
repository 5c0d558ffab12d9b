"""TLS to the API server, over real connections: whom we trust, by which name, and what we show."""

import json
import ssl
import tempfile
import traceback
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography.hazmat.primitives import serialization

from tests.unit.kube.test_access import CERT, KEY, certificate, encoded, kubeconfig
from vaultbind.injection.certificates import Pair, make_authority, make_serving
from vaultbind.kube import tls
from vaultbind.kube.connection import connect
from vaultbind.kube.errors import KubeConfigError, KubeError, KubeErrorKind
from vaultbind.kube.kubeconfig import Cluster
from vaultbind.kube.kubeconfig_fields import Pem
from vaultbind.kube.resources import NAMESPACES
from vaultbind.kube.tls import load_pair, open_tls

NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def authority() -> Pair:
    return make_authority(NOW)


@asynccontextmanager
async def api(authority: Pair) -> AsyncIterator[str]:
    """An API server that calls itself api.test and trusts one client, `CERT`; its URL."""
    pair = make_serving(authority, ["api.test"], NOW)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    load_pair(context, pair.certificate, pair.key)
    context.load_verify_locations(cadata=CERT.decode())
    context.verify_mode = ssl.CERT_OPTIONAL

    async def answer(request: web.Request) -> web.Response:
        assert request.transport is not None
        return web.json_response({"shown": bool(request.transport.get_extra_info("peercert"))})

    app = web.Application()
    app.router.add_get("/{tail:.*}", answer)
    server = TestServer(app, scheme="https")
    await server.start_server(ssl=context)
    try:
        yield str(server.make_url(""))
    finally:
        await server.close()


async def ask(folder: Path, server: str, cluster: dict[str, Any], user: dict[str, Any] | None = None) -> bool:
    """Whether the server was shown a certificate; both by our session and by the one that Kopf gets."""
    path = kubeconfig(folder, cluster={"server": server} | cluster, user=user)
    async with await connect(kubeconfig=path) as client:
        shown = bool((await client.get(NAMESPACES, "", "x"))["shown"])
        async with client.connection.open_session() as session, session.get(f"{client.server}/x") as response:
            assert bool((await response.json())["shown"]) is shown
        return shown


async def test_a_server_of_another_name(tmp_path: Path, authority: Pair) -> None:
    trusting = {"certificate-authority-data": encoded(authority.certificate)}
    async with api(authority) as server:
        assert await ask(tmp_path, server, trusting | {"tls-server-name": "api.test"}) is False
        for wrong in ({}, {"tls-server-name": "other.test"}):
            with pytest.raises(KubeError) as caught:
                await ask(tmp_path, server, trusting | wrong)
            assert caught.value.kind is KubeErrorKind.UNREACHABLE


async def test_an_authority_that_is_not_trusted(tmp_path: Path, authority: Pair) -> None:
    name = {"tls-server-name": "api.test"}
    unverified = {"certificate-authority-data": None, "insecure-skip-tls-verify": True}
    async with api(authority) as server:
        with pytest.raises(KubeError):
            await ask(tmp_path, server, name)
        assert await ask(tmp_path, server, unverified) is False


def plugin_in(folder: Path, pem: bytes, key: bytes) -> dict[str, Any]:
    """A user whose plugin answers with this certificate and this key."""
    version = "client.authentication.k8s.io/v1"
    status = {"clientCertificateData": pem.decode(), "clientKeyData": key.decode()}
    answer = {"apiVersion": version, "kind": "ExecCredential", "status": status}
    (folder / "answer").write_text(json.dumps(answer))
    (folder / "plugin").write_text('#!/bin/sh\nexec cat "$(dirname "$0")/answer"\n')
    (folder / "plugin").chmod(0o700)
    return {"exec": {"apiVersion": version, "command": "./plugin"}}


@pytest.mark.parametrize("kind", ["data", "files", "plugin"])
async def test_a_client_certificate_is_shown(tmp_path: Path, authority: Pair, kind: str) -> None:
    (tmp_path / "pair.crt").write_bytes(CERT)
    (tmp_path / "pair.key").write_bytes(KEY)
    (tmp_path / "ca.crt").write_bytes(authority.certificate)
    users: dict[str, dict[str, Any]] = {
        "data": {"client-certificate-data": encoded(CERT), "client-key-data": encoded(KEY)},
        "files": {"client-certificate": "pair.crt", "client-key": "pair.key"},
        "plugin": plugin_in(tmp_path, CERT, KEY),
    }
    cluster = {
        "certificate-authority-data": None,
        "certificate-authority": "ca.crt",
        "tls-server-name": "api.test",
    }
    async with api(authority) as server:
        assert await ask(tmp_path, server, cluster, users[kind]) is True


@pytest.mark.parametrize("is_pair", [True, False])
async def test_what_a_plugin_answers_later_changes_no_context_that_is_in_use(
    tmp_path: Path, authority: Pair, *, is_pair: bool
) -> None:
    """A handshake in that moment would fail, or break the memory; and half a pair would spoil a whole."""
    cluster = {"certificate-authority-data": encoded(authority.certificate), "tls-server-name": "api.test"}
    async with api(authority) as server:
        user = plugin_in(tmp_path, CERT, KEY)
        path = kubeconfig(tmp_path, cluster={"server": server} | cluster, user=user)
        async with await connect(kubeconfig=path) as client:
            context = client.connection.connector._ssl
            assert isinstance(context, ssl.SSLContext)
            before = context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="api.test").context
            plugin_in(tmp_path, CERT if is_pair else certificate()[0], KEY)
            await client.connection.tokens.renew("")
            after = context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="api.test").context

            assert (after is not before) is is_pair
            assert (await client.get(NAMESPACES, "", "x"))["shown"] is True


def encrypted(key: bytes) -> bytes:
    loaded = serialization.load_pem_private_key(key, None)
    return loaded.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"hunter2"),
    )


@pytest.mark.parametrize(
    ("certificate", "key", "complaint"),
    [
        pytest.param(CERT, encrypted(KEY), "is not encrypted", id="encrypted"),
        pytest.param(CERT, b"hunter2", "no such PEM", id="no key"),
        pytest.param(b"hunter2", KEY, "no such PEM", id="no certificate"),
        pytest.param(CERT, make_authority(NOW).key, "belong together", id="a stranger's key"),
        pytest.param(Path("/no/crt"), KEY, "/no/crt: No such file", id="no certificate file"),
        pytest.param(Path("/no/crt"), Path("/no/key"), "No such file", id="no files"),
    ],
)
def test_pairs_that_cannot_be_used(certificate: Pem, key: Pem, complaint: str) -> None:
    context = open_tls(Cluster(server="https://api"))
    assert context is not None
    with pytest.raises(KubeConfigError, match=complaint) as caught:
        load_pair(context, certificate, key)

    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


def test_a_key_is_in_a_private_file_for_a_moment_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    seen: list[tuple[int, bytes]] = []
    as_file = tls._as_file

    @contextmanager
    def watched(pem: Pem) -> Iterator[Path]:
        with as_file(pem) as path:
            seen.append((path.stat().st_mode & 0o777, path.read_bytes()))
            yield path

    monkeypatch.setattr(tls, "_as_file", watched)
    load_pair(ssl.create_default_context(), CERT, KEY)

    assert seen == [(0o600, CERT), (0o600, KEY)]
    assert list(tmp_path.iterdir()) == []


def test_comments_around_certificates_are_nothing(authority: Pair) -> None:
    pem = "# für Tests\n".encode() + authority.certificate + CERT
    context = open_tls(Cluster(server="https://api", authority=pem))

    assert context is not None
    assert context.cert_store_stats()["x509"] == 2
