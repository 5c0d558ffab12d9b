import asyncio
import contextlib
import ssl
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from vaultbind.injection.certificates import Pair, make_authority, make_serving
from vaultbind.injection.tls import ServingTls

NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def authority() -> Pair:
    return make_authority(NOW)


def put(folder: Path, pair: Pair) -> None:
    (folder / "tls.crt").write_bytes(pair.certificate)
    (folder / "tls.key").write_bytes(pair.key)


async def served_by(tls: ServingTls, authority: Pair) -> int:
    """Serial number of the certificate that a client is shown."""
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=tls.context)
    context = ssl.create_default_context(cadata=authority.certificate.decode())
    async with server:
        port = server.sockets[0].getsockname()[1]
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="a.test")
        shown = writer.get_extra_info("ssl_object").getpeercert()
        assert writer.get_extra_info("ssl_object").version() == "TLSv1.3"
        writer.close()
        await writer.wait_closed()
    return int(shown["serialNumber"], 16)


async def test_new_files_count_for_new_connections(tmp_path: Path, authority: Pair) -> None:
    old, new = (make_serving(authority, ["a.test"], NOW + timedelta(seconds=n)) for n in range(2))
    put(tmp_path, old)
    tls = ServingTls(tmp_path)
    context = tls.context
    assert await served_by(tls, authority) == old.parsed.serial_number
    assert not tls.check()

    put(tmp_path, new)

    assert tls.check()
    assert tls.context is context
    assert await served_by(tls, authority) == new.parsed.serial_number


@pytest.mark.parametrize("name", ["a.test", None], ids=["by-name", "by-address"])
def test_a_handshake_sees_one_certificate_or_the_other_whatever_is_renewed_meanwhile(
    tmp_path: Path, authority: Pair, name: str | None
) -> None:
    """A context that is changed while it serves fails handshakes, or ends the process by a double free."""
    pairs = [make_serving(authority, ["a.test"], NOW + timedelta(seconds=n)) for n in range(2)]
    put(tmp_path, pairs[0])
    tls = ServingTls(tmp_path)
    client = ssl.create_default_context(cadata=authority.certificate.decode())
    client.check_hostname = name is not None
    shown: set[int] = set()

    def renew() -> None:
        for turn in range(300):
            put(tmp_path, pairs[1 - turn % 2])
            assert tls.check()

    with ThreadPoolExecutor(1) as pool:
        renewals = pool.submit(renew)
        while not renewals.done():
            shown.add(handshake(tls.context, client, name))
        renewals.result()
    for pair in pairs:  # on a busy machine there was time for a few handshakes only
        put(tmp_path, pair)
        tls.check()
        shown.add(handshake(tls.context, client, name))

    assert shown == {pair.parsed.serial_number for pair in pairs}


def handshake(server_context: ssl.SSLContext, client_context: ssl.SSLContext, name: str | None) -> int:
    """Shake hands in memory; return the serial number of what the client is shown."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = server_context.wrap_bio(to_server, to_client, server_side=True)
    client = client_context.wrap_bio(to_client, to_server, server_hostname=name)
    waiting = [client, server]
    while waiting:
        side = waiting.pop(0)
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            waiting.append(side)
    certificate = client.getpeercert()
    assert certificate is not None
    return int(str(certificate["serialNumber"]), 16)


def test_a_name_that_cannot_be_read_is_refused_in_silence(
    tmp_path: Path, authority: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a client sends as the server's name must not come into a log by ways of Python's own."""
    put(tmp_path, make_serving(authority, ["a.test"], NOW))
    told: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", told.append)
    client = ssl.create_default_context(cadata=authority.certificate.decode())
    hello = ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        client.wrap_bio(ssl.MemoryBIO(), hello, server_hostname="hunter2.test").do_handshake()
    to_server = ssl.MemoryBIO()
    to_server.write(hello.read().replace(b"hunter2.test", b"hunte\xff\xff.test"))
    server = ServingTls(tmp_path).context.wrap_bio(to_server, ssl.MemoryBIO(), server_side=True)
    with contextlib.suppress(ssl.SSLError):
        server.do_handshake()
    assert told == []


async def test_files_that_do_not_belong_together_are_not_taken(
    tmp_path: Path, authority: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    old, new = (make_serving(authority, ["a.test"], NOW) for _ in range(2))
    put(tmp_path, old)
    tls = ServingTls(tmp_path)
    (tmp_path / "tls.crt").write_bytes(new.certificate)

    assert not tls.check()
    assert not tls.check()
    assert await served_by(tls, authority) == old.parsed.serial_number
    assert [record.message for record in caplog.records if record.levelname == "WARNING"] == [
        f"the new certificate in {tmp_path} cannot be used: SSLError; the one before is served on"
    ]

    (tmp_path / "tls.key").write_bytes(new.key)
    assert tls.check()
    assert await served_by(tls, authority) == new.parsed.serial_number


def test_files_that_are_gone_change_nothing(tmp_path: Path, authority: Pair) -> None:
    put(tmp_path, make_serving(authority, ["a.test"], NOW))
    tls = ServingTls(tmp_path)
    (tmp_path / "tls.key").unlink()

    assert not tls.check()


def test_a_mount_of_the_kubelet_is_followed_through_its_links(tmp_path: Path, authority: Pair) -> None:
    for name in ("..1", "..2"):
        (tmp_path / name).mkdir()
        put(tmp_path / name, make_serving(authority, ["a.test"], NOW))
    (tmp_path / "..data").symlink_to("..1")
    for name in ("tls.crt", "tls.key"):
        (tmp_path / name).symlink_to(f"..data/{name}")
    tls = ServingTls(tmp_path)
    (tmp_path / "..next").symlink_to("..2")
    (tmp_path / "..next").replace(tmp_path / "..data")

    assert tls.check()


def test_authorities_beside_the_certificate(tmp_path: Path, authority: Pair) -> None:
    put(tmp_path, make_serving(authority, ["a.test"], NOW))
    tls = ServingTls(tmp_path)
    assert tls.authorities == ""

    (tmp_path / "ca.crt").write_bytes(authority.certificate)
    assert tls.authorities == authority.certificate.decode()


def test_no_files_at_all(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        ServingTls(tmp_path)


async def test_files_are_looked_at_again_and_again(tmp_path: Path, authority: Pair) -> None:
    put(tmp_path, make_serving(authority, ["a.test"], NOW))
    tls = ServingTls(tmp_path)
    waits: list[float] = []

    async def pause(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) > 2:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await tls.run(pause)
    assert waits == [5.0, 5.0, 5.0]
