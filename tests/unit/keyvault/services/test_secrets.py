"""What only secrets have: updates and exact versions."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.unit.keyvault.fakes import VAULT, VERSION, answer, canned, make_client, secret, secret_item
from vaultbind.keyvault.errors import KeyVaultError, KeyVaultErrorKind
from vaultbind.keyvault.types.secret import SetSecretOptions

MOMENT = datetime.fromtimestamp(1_700_000_000, UTC)
DAY = timedelta(days=1)


async def test_an_update_sends_what_was_given_and_nothing_else() -> None:
    transport = canned(answer({**secret_item(tags={"a": "b"}), "id": f"{VAULT}/secrets/db/{VERSION}"}))
    secrets = make_client(transport).secrets

    changed = await secrets.update_secret_properties(
        "db",
        "1",
        content_type="text/plain",
        tags={"a": "b"},
        enabled=False,
        not_before=MOMENT,
        expires_on=MOMENT + DAY,
    )
    await secrets.update_secret_properties("db", tags={})

    _, full, thin = transport.requests
    assert (full.method, full.url) == ("PATCH", f"{VAULT}/secrets/db/1?api-version=2025-07-01")
    assert json.loads(full.content) == {
        "contentType": "text/plain",
        "tags": {"a": "b"},
        "attributes": {"enabled": False, "nbf": 1_700_000_000, "exp": 1_700_086_400},
    }
    assert thin.url == f"{VAULT}/secrets/db/?api-version=2025-07-01"
    assert json.loads(thin.content) == {"tags": {}}
    assert (changed.version, dict(changed.tags)) == (VERSION, {"a": "b"})


async def test_updates_are_checked_before_the_wire() -> None:
    transport = canned(answer({}))

    with pytest.raises(KeyVaultError, match="255") as caught:
        await make_client(transport).secrets.update_secret_properties("db", content_type="a" * 256)

    assert caught.value.kind is KeyVaultErrorKind.VALIDATION
    assert transport.requests == []


async def test_an_exact_version() -> None:
    transport = canned(answer(secret(version="1", previousVersion="0")))
    secrets = make_client(transport).secrets

    found = await secrets.get_secret_version("db", "1")

    assert (found.version, found.properties.previous_version) == ("1", "0")
    with pytest.raises(KeyVaultError, match="a version has"):
        await secrets.get_secret_version("db", "")
    assert len(transport.requests) == 2


async def test_all_at_once() -> None:
    transport = canned(answer({"value": [secret_item("a"), secret_item("b")]}))

    assert [item.name for item in await make_client(transport).secrets.list_all()] == ["a", "b"]


OTHER_TYPES: list[tuple[str, tuple[Any, ...], str]] = [
    ("bytes", ("db", b"geheim"), "a secret's value is a str"),
    ("a number", ("db", 4711), "a secret's value is a str"),
    ("nothing", ("db", None), "a secret's value is a str"),
    ("no name", (None, "x"), "a name has"),
    ("a name in bytes", (b"db", "x"), "a name has"),
    ("a tag", ("db", "x", SetSecretOptions(tags={"a": 1})), r"options\.tags is of type dict"),  # type: ignore[dict-item]
    ("a time without a zone", ("db", "x", SetSecretOptions(expires_on=MOMENT.replace(tzinfo=None))), "aware"),
    (
        "an end at the beginning",
        ("db", "x", SetSecretOptions(not_before=MOMENT, expires_on=MOMENT)),
        "before",
    ),
    (
        "an end before the beginning",
        ("db", "x", SetSecretOptions(not_before=MOMENT, expires_on=MOMENT - DAY)),
        "before",
    ),
    (
        "a time in seconds",
        ("db", "x", SetSecretOptions(not_before=1_700_000_000)),  # type: ignore[arg-type]
        r"options\.not_before is of type int",
    ),
]


@pytest.mark.parametrize(
    ("given", "words"), [row[1:] for row in OTHER_TYPES], ids=[row[0] for row in OTHER_TYPES]
)
async def test_other_types_are_refused_before_the_wire(given: tuple[Any, ...], words: str) -> None:
    transport = canned(answer({}))

    with pytest.raises(KeyVaultError, match=words) as caught:
        await make_client(transport).secrets.set_secret(*given)

    assert caught.value.kind is KeyVaultErrorKind.VALIDATION
    assert "geheim" not in repr(caught.value)
    assert transport.requests == []


@pytest.mark.parametrize("method", ["get_secret", "get_secret_version", "update_secret_properties"])
async def test_none_is_not_the_version_of_that_name(method: str) -> None:
    transport = canned(answer({}))

    with pytest.raises(KeyVaultError, match="a version has"):
        await getattr(make_client(transport).secrets, method)("db", None)

    assert transport.requests == []
