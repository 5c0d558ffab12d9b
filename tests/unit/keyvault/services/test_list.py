"""Lists: pages of any size, links that must stay in the vault, and both ways to read them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given as examples
from hypothesis import strategies as st

from tests.unit.keyvault.fakes import VAULT, Recorder, answer, canned, make_client, problem, secret_item
from vaultbind.keyvault.errors import KeyVaultError, KeyVaultErrorKind
from vaultbind.keyvault.resilience.ratelimit import Priority, TokenBucket
from vaultbind.keyvault.wire.secrets import parse_secret_properties

NEXT = f"{VAULT}:443/secrets?api-version=2025-07-01&$skiptoken=abc&maxresults=25"


def page(*names: str, link: str | None = None) -> Any:
    return answer({"value": [secret_item(name) for name in names], "nextLink": link})


async def test_pages_are_read_to_the_end_in_order() -> None:
    transport = canned(page("a", "b", link=NEXT), page(link=NEXT + "2"), page("c"))

    found = await make_client(transport).secrets.list_secrets()

    assert [item.name for item in found] == ["a", "b", "c"]
    assert {item.version for item in found} == {""}
    assert [request.url for request in transport.requests[1:]] == [
        f"{VAULT}/secrets?api-version=2025-07-01&maxresults=25",
        NEXT,
        NEXT + "2",
    ]


async def test_a_listing_can_be_read_as_it_goes_and_again() -> None:
    transport = canned(page("a", link=NEXT), page("b"), page("a"))
    listing = make_client(transport).secrets.list_secrets()

    names = []
    async for item in listing:
        names.append(item.name)
        if item.name == "a":
            assert len(transport.requests) == 2, "the second page is not read before it is needed"

    assert names == ["a", "b"]
    assert [item.name for item in await listing] == ["a"]


async def test_an_empty_vault() -> None:
    assert await make_client(canned(page())).secrets.list_secrets() == []


FOREIGN = [
    ("other host", "https://evil.example/secrets?$skiptoken=a"),
    ("other vault", "https://other.vault.azure.net/secrets"),
    ("other port", f"{VAULT}:8443/secrets"),
    ("no TLS", "http://shop.vault.azure.net/secrets"),
    ("user", "https://shop.vault.azure.net@evil.example/secrets"),
    ("user of this host", "https://me@shop.vault.azure.net/secrets"),
    ("backslash", "https://shop.vault.azure.net\\.evil.example/secrets"),
    ("relative", "/secrets"),
    ("bad port", f"{VAULT}:x/secrets"),
]


@pytest.mark.parametrize("link", [row[1] for row in FOREIGN], ids=[row[0] for row in FOREIGN])
async def test_a_link_elsewhere_is_not_followed(link: str) -> None:
    transport = canned(page("a", link=link))

    with pytest.raises(KeyVaultError) as caught:
        await make_client(transport).secrets.list_secrets()

    assert (caught.value.kind, caught.value.code) == (KeyVaultErrorKind.PROTOCOL, "ForeignNextLink")
    assert len(transport.requests) == 2
    assert "evil" not in str(caught.value)


async def test_links_in_a_circle_end() -> None:
    with pytest.raises(KeyVaultError) as caught:
        await make_client(canned(page("a", link=NEXT))).secrets.list_secrets()

    assert caught.value.code == "CircularNextLink"


BROKEN = [
    ("no value", answer({})),
    ("null", answer(None)),
    ("a link that is no text", answer({"value": [], "nextLink": 5})),
    ("an item without an id", answer({"value": [{}]})),
    ("an id without a name", answer({"value": [{"id": f"{VAULT}/secrets"}]})),
    ("an id with an empty name", answer({"value": [{"id": f"{VAULT}/secrets/"}]})),
    ("a time that is a text", answer({"value": [{**secret_item(), "attributes": {"exp": "1"}}]})),
    ("a time that is a list", answer({"value": [{**secret_item(), "attributes": {"exp": [1]}}]})),
]


@pytest.mark.parametrize("given", [row[1] for row in BROKEN], ids=[row[0] for row in BROKEN])
async def test_a_page_that_makes_no_sense(given: Any) -> None:
    with pytest.raises(KeyVaultError) as caught:
        await make_client(canned(given)).secrets.list_secrets()

    assert caught.value.kind is KeyVaultErrorKind.PROTOCOL


TIMES = ("nbf", "exp", "created", "updated")
SECONDS = st.none() | st.integers(-62_135_596_800, 253_402_300_799)  # the years 1 to 9999


@examples(times=st.lists(st.fixed_dictionaries(dict.fromkeys(TIMES, SECONDS))))
def test_times_of_many_items_are_those_of_the_calendar(times: list[dict[str, int | None]]) -> None:
    """Parsed moments are kept: none may be another's."""
    found = [parse_secret_properties({**secret_item(), "attributes": item}) for item in times]

    parsed = [(item.not_before, item.expires_on, item.created_on, item.updated_on) for item in found]
    assert parsed == [tuple(calendar(item[name]) for name in TIMES) for item in times]


def calendar(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)


async def test_lists_may_be_forbidden() -> None:
    client = make_client(canned(problem(403, "Forbidden", "ForbiddenByRbac")))

    with pytest.raises(KeyVaultError) as caught:
        await client.keys.list_keys()

    assert (caught.value.kind, caught.value.object_name) == (KeyVaultErrorKind.FORBIDDEN, None)


async def test_items_of_all_kinds_and_their_versions() -> None:
    transport = canned(
        answer({"value": [secret_item("db", contentType="text/plain", managed=True)]}),
        answer({"value": [{**secret_item(), "id": f"{VAULT}/secrets/db/1"}]}),
        answer({"value": [{"id": f"{VAULT}/certificates/tls", "x5t": "AQID", "subject": "CN=shop"}]}),
        answer({"value": [{"id": f"{VAULT}/certificates/tls/1", "x5t": "AQID"}]}),
        answer({"value": [{"kid": f"{VAULT}/keys/sign", "managed": True}]}),
        answer({"value": [{"kid": f"{VAULT}/keys/sign/1", "attributes": {"exportable": True}}]}),
    )
    client = make_client(transport)

    (secret,) = await client.secrets.list_secrets()
    (secret_version,) = await client.secrets.list_secret_versions("db")
    (certificate,) = await client.certificates.list_certificates()
    (certificate_version,) = await client.certificates.list_certificate_versions("tls")
    (key,) = await client.keys.list_keys()
    (key_version,) = await client.keys.list_key_versions("sign")

    assert (secret.name, secret.content_type, secret.managed) == ("db", "text/plain", True)
    assert (secret_version.name, secret_version.version) == ("db", "1")
    assert (certificate.name, certificate.x509_thumbprint, certificate.subject) == (
        "tls",
        b"\1\2\3",
        "CN=shop",
    )
    assert (certificate_version.version, certificate_version.subject) == ("1", None)
    assert (key.name, key.managed, key.exportable) == ("sign", True, None)
    assert (key_version.version, key_version.exportable) == ("1", True)
    paths = [request.url.removeprefix(VAULT).partition("?")[0] for request in transport.requests[1:]]
    assert paths == [
        "/secrets",
        "/secrets/db/versions",
        "/certificates",
        "/certificates/tls/versions",
        "/keys",
        "/keys/sign/versions",
    ]


async def test_priority_and_route_reach_the_policies() -> None:
    taken: list[Priority] = []

    class Bucket(TokenBucket):
        async def acquire(self, priority: Priority = Priority.FRESH) -> None:
            taken.append(priority)

    recorder = Recorder()
    client = make_client(canned(page("a")), limiter=Bucket(1, 1), observer=recorder)

    await client.secrets.list_secrets(priority=Priority.REFRESH)
    await client.secrets.list_secret_versions("a")

    assert taken == [Priority.REFRESH, Priority.REFRESH, Priority.FRESH]
    assert [route for _, _, route, _ in recorder.requests] == [
        "/secrets",
        "/secrets",
        "/secrets/{name}/versions",
    ]
