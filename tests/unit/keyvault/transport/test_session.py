"""The shared transport over real TLS on loopback: trust, reuse of connections, names, and ways to fail."""

import asyncio
import gzip
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from azure.core.exceptions import ServiceRequestError, ServiceRequestTimeoutError, ServiceResponseError
from azure.core.pipeline.transport import HttpRequest as OldRequest
from azure.core.rest import AsyncHttpResponse, HttpRequest
from azure.keyvault.secrets._shared import HttpChallenge, http_challenge_cache
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.unit.keyvault.fakes import FakeCredential
from vaultbind.keyvault.client import KeyVaultClient
from vaultbind.keyvault.config import KeyVaultConfig
from vaultbind.keyvault.errors import KeyVaultError, KeyVaultErrorKind
from vaultbind.keyvault.resilience.retry import RetryConfig
from vaultbind.keyvault.transport import exchange as exchange_module
from vaultbind.keyvault.transport import session as session_module
from vaultbind.keyvault.transport.failures import is_sent, map_exception
from vaultbind.keyvault.transport.identities import CredentialConfig, DefaultIdentity, ManagedIdentity
from vaultbind.keyvault.transport.session import (
    LocalhostResolver,
    SharedTransport,
    _is_direct,
    build_ssl_context,
    is_localhost,
)

SECRET = b'{"value":"v","id":"https://shop.vault.localhost/secrets/db/1"}'


@dataclass
class Server:
    """Answers HTTP by hand; `mode` is how it misbehaves."""

    mode: str = "good"
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)
    port: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                self.requests.append(head)
                if not await self.respond(head, writer):
                    break
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            pass
        finally:
            writer.close()

    async def respond(self, head: bytes, writer: asyncio.StreamWriter) -> bool:
        if self.mode == "slow":
            await asyncio.sleep(1)
        if self.mode == "cut":
            return False
        writer.write(self.answer(head))
        await writer.drain()
        return self.mode != "half"

    def answer(self, head: bytes) -> bytes:
        if self.mode == "moved":
            return b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n"
        if self.mode in {"gzip", "broken gzip"}:
            body = gzip.compress(SECRET) if self.mode == "gzip" else b"no gzip"
            head = (
                f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            )
            return head + body
        if b"Authorization" not in head:
            resource = f"https://vault.localhost:{self.port}"
            challenge = f'WWW-Authenticate: Bearer authorization="{resource}/t", resource="{resource}"\r\n'
            return f"HTTP/1.1 401 Unauthorized\r\n{challenge}Content-Length: 0\r\n\r\n".encode()
        length = len(SECRET) + (100 if self.mode == "half" else 0)
        return f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n".encode() + SECRET


@dataclass(frozen=True)
class Authority:
    pem: str
    context: ssl.SSLContext
    file: Path


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("*.vault.localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file, key_file = folder / "cert.pem", folder / "key.pem"
    file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, key_file)
    return Authority(file.read_text(), context, file)


@pytest.fixture
async def server(authority: Authority) -> AsyncIterator[Server]:
    state = Server()
    listener = await asyncio.start_server(state.serve, "127.0.0.1", 0, ssl=authority.context)
    state.port = listener.sockets[0].getsockname()[1]
    async with listener:
        yield state
        listener.close()


@asynccontextmanager
async def client_of(server: Server, transport: SharedTransport) -> AsyncIterator[KeyVaultClient]:
    config = KeyVaultConfig(
        vault_url=f"https://shop.vault.localhost:{server.port}",
        credential=FakeCredential(),
        retry=RetryConfig(attempts=1),
    )
    try:
        yield KeyVaultClient(config, transport=transport)
    finally:
        await transport.aclose()


async def test_one_connection_serves_many_calls_and_clients(server: Server, authority: Authority) -> None:
    transport = SharedTransport(ca_pem=authority.pem)
    async with client_of(server, transport) as client, client_of(server, transport) as other:
        for one in (client, other, client, other):
            found = await one.secrets.get_secret("db")
            assert found.value.expose_secret() == "v"

    assert server.connections == 1
    assert len(server.requests) == 5, "challenge verification passes with a port in the resource"


async def test_no_cookies_and_no_compression_are_negotiated_behind_our_back(
    server: Server, authority: Authority
) -> None:
    async with client_of(server, SharedTransport(ca_pem=authority.pem)) as client:
        await client.secrets.get_secret("db")

    assert b"cookie" not in server.requests[-1].lower()
    assert b"Host: shop.vault.localhost" in server.requests[-1]


ENDS = [("gzip", "ok"), ("broken gzip", "ConnectionCut"), ("moved", "Protocol")]


@pytest.mark.parametrize(("mode", "end"), ENDS, ids=[row[0] for row in ENDS])
async def test_what_else_an_answer_can_be(server: Server, authority: Authority, mode: str, end: str) -> None:
    """Compressed answers are unpacked; redirects are not followed: a token must not go elsewhere."""
    async with client_of(server, SharedTransport(ca_pem=authority.pem)) as client:
        await client.secrets.get_secret("db")
        server.mode = mode
        try:
            found = await client.secrets.get_secret("db")
            outcome = "ok" if found.value.expose_secret() == "v" else "another value"
        except KeyVaultError as error:
            outcome = error.code

    assert outcome == end
    assert len(server.requests) == 3


Asked = tuple[type[Any], dict[str, Any], str]
WAYS: dict[str, Asked] = {
    "plain": (HttpRequest, {}, "Answer"),
    "as the SDK's clients ask": (HttpRequest, {"stream": False}, "Answer"),
    "streamed": (HttpRequest, {"stream": True}, "RestAioHttpTransportResponse"),
    "with a timeout of its own": (HttpRequest, {"read_timeout": 3}, "RestAioHttpTransportResponse"),
    "azure.identity's older requests": (OldRequest, {}, "AioHttpTransportResponse"),
}


@pytest.mark.parametrize("asked", WAYS.values(), ids=WAYS)
async def test_what_only_others_ask_for_is_left_to_azure_core(
    server: Server, authority: Authority, asked: Asked
) -> None:
    make, options, answer = asked
    transport = SharedTransport(ca_pem=authority.pem)
    server.mode = "gzip"
    response: Any = await transport.send(
        make("POST", f"https://a.vault.localhost:{server.port}/x"), **options
    )
    if options.get("stream"):
        await response.read()
    body = response.content if isinstance(response, AsyncHttpResponse) else response.body()
    await transport.aclose()

    assert (type(response).__name__, body, response.reason) == (answer, SECRET, "OK")
    assert b"content-type" not in server.requests[-1].lower(), "nothing is said of a body that is not there"


async def test_a_slow_connection_is_another_timeout_than_a_slow_answer() -> None:
    """Nothing was sent, so it may be repeated even when it changes something."""
    transport = SharedTransport(connect_timeout=0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        with pytest.raises(ServiceRequestTimeoutError):
            await transport.send(HttpRequest("GET", f"https://127.0.0.1:{silent.getsockname()[1]}/"))
        await transport.aclose()


async def test_a_bundle_with_comments_in_any_script(server: Server, authority: Authority) -> None:
    async with client_of(server, SharedTransport(ca_pem=f"# Prüfstelle\n{authority.pem}")) as client:
        assert (await client.secrets.get_secret("db")).name == "db"


async def test_extra_trust_from_the_environment(
    server: Server, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))

    async with client_of(server, SharedTransport()) as client:
        assert (await client.secrets.get_secret("db")).name == "db"


FAILURES = [
    ("slow", "ReadTimeout"),
    ("cut", "ConnectionCut"),
    ("half", "ConnectionCut"),
]


@pytest.mark.parametrize(("mode", "code"), FAILURES, ids=[row[0] for row in FAILURES])
async def test_failures(server: Server, authority: Authority, mode: str, code: str) -> None:
    transport = SharedTransport(ca_pem=authority.pem, read_timeout=60.0)
    async with client_of(server, transport) as client:
        await client.secrets.get_secret("db")
        server.mode = mode
        transport._read_timeout = 0.05 if mode == "slow" else 60.0

        with pytest.raises(KeyVaultError) as caught:
            await client.secrets.get_secret("db")

    assert caught.value.code == code


async def test_an_unknown_authority_is_not_trusted(server: Server) -> None:
    async with client_of(server, SharedTransport()) as client:
        with pytest.raises(KeyVaultError) as caught:
            await client.secrets.get_secret("db")

    assert caught.value.code == "CertificateUntrusted"
    assert server.requests == []


async def test_nobody_listens(authority: Authority) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        server = Server(port=free.getsockname()[1])
        async with client_of(server, SharedTransport(ca_pem=authority.pem)) as client:
            with pytest.raises(KeyVaultError) as caught:
                await client.secrets.get_secret("db")

    assert caught.value.code == "ConnectionRefused"


async def test_a_closed_transport_stays_closed(server: Server) -> None:
    transport = SharedTransport()
    async with client_of(server, transport) as client:
        await transport.aclose()
        with pytest.raises(KeyVaultError) as caught:
            await client.secrets.get_secret("db")

    assert (caught.value.code, caught.value.retryable) == ("TransportClosed", False)


async def test_what_is_trusted_is_read_once_beside_the_loop(
    server: Server, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading: list[threading.Thread] = []

    def build(ca_pem: str | None) -> ssl.SSLContext:
        reading.append(threading.current_thread())
        return build_ssl_context(ca_pem)

    transport = SharedTransport(ca_pem=authority.pem)
    monkeypatch.setattr(session_module, "build_ssl_context", build)
    async with client_of(server, transport) as client:
        await asyncio.gather(*(client.secrets.get_secret("db") for _ in range(3)), transport.open())

    assert len(reading) == 1
    assert reading[0] is not threading.main_thread()


async def test_a_transport_that_is_closed_while_it_opens(monkeypatch: pytest.MonkeyPatch) -> None:
    may_read = threading.Event()
    transport = SharedTransport()
    monkeypatch.setattr(session_module, "build_ssl_context", lambda _: may_read.wait(60))
    opening = asyncio.create_task(transport.open())
    await asyncio.sleep(0)
    await transport.aclose()
    may_read.set()
    with pytest.raises(KeyVaultError) as caught:
        await opening

    assert caught.value.code == "TransportClosed"


async def test_another_event_loop_is_told(server: Server, authority: Authority) -> None:
    """A client of a module, used by one `asyncio.run` after the other."""
    transport = SharedTransport(ca_pem=authority.pem)
    async with client_of(server, transport) as client:
        await client.secrets.get_secret("db")
        with pytest.raises(KeyVaultError, match="make a client per loop") as caught:
            await asyncio.to_thread(asyncio.run, client.secrets.get_secret("db"))
        await client.secrets.get_secret("db")

    assert (caught.value.kind, caught.value.object_name) == (KeyVaultErrorKind.CONFIGURATION, "db")


@pytest.mark.parametrize(
    "pem", ["no PEM", "ä", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
async def test_a_bundle_that_cannot_be_used(server: Server, pem: str) -> None:
    async with client_of(server, SharedTransport(ca_pem=pem)) as client:
        with pytest.raises(KeyVaultError) as caught:
            await client.secrets.get_secret("db")

    assert (caught.value.code, caught.value.object_name) == ("BadCaBundle", "db")
    assert server.connections == 0


IDENTITIES: list[CredentialConfig] = [ManagedIdentity(), DefaultIdentity()]


@pytest.mark.parametrize("identity", IDENTITIES, ids=lambda identity: type(identity).__name__)
async def test_a_bundle_is_not_the_identitys_fault_where_the_challenge_is_known(
    identity: CredentialConfig,
) -> None:
    """Then the first request is the one for a token, and credentials swallow what they do not know."""
    url = "https://known.vault.azure.net"
    challenge = 'Bearer authorization="https://login.windows.net/t", resource="https://vault.azure.net"'
    http_challenge_cache.set_challenge_for_url(url, HttpChallenge(url, challenge))
    pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    config = KeyVaultConfig(vault_url=url, credential=identity, ca_pem=pem)

    async with KeyVaultClient(config) as client:
        found = await asyncio.gather(
            *(client.secrets.get_secret("db") for _ in range(3)), return_exceptions=True
        )

    assert [getattr(error, "code", error) for error in found] == ["BadCaBundle"] * 3


async def test_azure_cannot_close_it(server: Server, authority: Authority) -> None:
    transport = SharedTransport(ca_pem=authority.pem)
    async with client_of(server, transport) as client:
        await client.secrets.get_secret("db")
        async with transport:
            await transport.open()
        await transport.close()
        await transport.sleep(0)
        await client.secrets.get_secret("db")

    assert server.connections == 1


class Elsewhere(AbstractResolver):
    def __init__(self) -> None:
        self.asked: list[str] = []
        self.closed = False

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked.append(host)
        raise OSError("nobody home")

    async def close(self) -> None:
        self.closed = True


async def test_names_under_localhost_are_asked_of_nobody() -> None:
    other = Elsewhere()
    resolver = LocalhostResolver(other)

    (found,) = await resolver.resolve("shop.vault.localhost", 8443)
    with pytest.raises(OSError, match="nobody"):
        await resolver.resolve("shop.vault.azure.net")
    await resolver.close()

    assert (found["host"], found["port"]) == ("127.0.0.1", 8443)
    assert other.asked == ["shop.vault.azure.net"]
    assert other.closed


async def test_a_name_that_does_not_resolve() -> None:
    transport = SharedTransport(resolver=Elsewhere())
    config = KeyVaultConfig(
        vault_url="https://a.vault.azure.net", credential=FakeCredential(), retry=RetryConfig(attempts=1)
    )
    with pytest.raises(KeyVaultError) as caught:
        await KeyVaultClient(config, transport=transport).secrets.get_secret("db")
    await transport.aclose()

    assert caught.value.code == "NameNotResolved"


LOCAL = [
    ("localhost", True),
    ("LOCALHOST.", True),
    ("a.b.localhost", True),
    ("localhost.example", False),
    ("notlocalhost", False),
    ("", False),
]


@pytest.mark.parametrize(("host", "local"), LOCAL)
def test_is_localhost(host: str, local: bool) -> None:
    assert is_localhost(host) is local


DIRECT = [
    ("https://shop.vault.localhost:8443/secrets", True),
    ("https://127.0.0.1:8443/", True),
    ("http://169.254.169.254/metadata", True),
    ("https://[::1]/", True),
    ("https://shop.vault.azure.net/", False),
    ("https://127.evil.example/", False),
]


@pytest.mark.parametrize(("url", "direct"), DIRECT)
def test_what_never_goes_through_a_proxy(url: str, direct: bool) -> None:
    assert _is_direct(url) is direct


@asynccontextmanager
async def answering(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[tuple[SharedTransport, str]]:
    """A server of plain HTTP, which goes the way that proxies go: a transport and the server's address."""
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    transport = SharedTransport()
    try:
        yield transport, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        await transport.aclose()
        server.close()


SECOND: dict[str, tuple[str, bool]] = {
    "a read": ("GET", True),
    "a PUT, which makes a version": ("PUT", False),
    "a deletion": ("DELETE", False),
    "a PATCH": ("PATCH", False),
}


@pytest.mark.parametrize(("method", "again"), SECOND.values(), ids=SECOND)
async def test_what_is_repeated_on_the_way_of_proxies(method: str, again: bool) -> None:
    """A kept connection ends as the second request arrives."""
    methods: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                methods.append(head.split()[0].decode())
                if len(methods) == 2:
                    break
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()

    async with answering(serve) as (transport, address):
        url = f"{address}/secrets/db"
        await transport.send(HttpRequest("GET", url))
        if again:
            assert (await transport.send(HttpRequest(method, url))).status_code == 200
        else:
            with pytest.raises(ServiceRequestError) as caught:
                await transport.send(HttpRequest(method, url))
            assert (is_sent(caught.value), map_exception(caught.value, object_name=None).code) == (
                True,
                "ConnectionCut",
            )

    assert methods == ["GET", method, *([method] if again else [])]


@pytest.mark.parametrize("packed", [False, True], ids=["as it is", "packed"])
async def test_no_answer_fills_the_memory_on_the_way_of_proxies(
    packed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange_module, "LARGEST_ANSWER", 5_000)
    connections: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                body = b"v" * int(head.split()[1].strip(b"/"))
                sent, encoding = (gzip.compress(body), b"gzip") if packed else (body, b"identity")
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\n" % encoding)
                writer.write(b"Content-Length: %d\r\n\r\n%s" % (len(sent), sent))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async with answering(serve) as (transport, url):
        for _ in range(2):
            good = await transport.send(HttpRequest("GET", f"{url}/5000"))
            assert good.content == b"v" * 5_000
        assert len(connections) == 1
        with pytest.raises(ServiceResponseError, match="too large"):
            await transport.send(HttpRequest("GET", f"{url}/5001"))


async def test_a_proxy_is_used_when_given(authority: Authority) -> None:
    lines: list[bytes] = []

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines.append(await reader.readline())
        writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()

    listener = await asyncio.start_server(proxy, "127.0.0.1", 0)
    transport = SharedTransport(proxy=f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}")
    config = KeyVaultConfig(
        vault_url="https://a.vault.azure.net", credential=FakeCredential(), retry=RetryConfig(attempts=1)
    )
    async with listener:
        with pytest.raises(KeyVaultError) as caught:
            await KeyVaultClient(config, transport=transport).secrets.get_secret("db")
        await transport.aclose()

    assert caught.value.code == "ProxyFailed"
    assert lines == [b"CONNECT a.vault.azure.net:443 HTTP/1.1\r\n"]
