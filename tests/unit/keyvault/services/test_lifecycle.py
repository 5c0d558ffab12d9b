"""Deletion, recovery, purge and backup: the same table for all three kinds of objects."""

import base64
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.unit.keyvault.fakes import (
    VAULT,
    VERSION,
    Answer,
    CannedTransport,
    FakeClock,
    Outcome,
    answer,
    canned,
    make_client,
    problem,
    secret_item,
)
from vaultbind.keyvault.client import KeyVaultClient
from vaultbind.keyvault.errors import KeyVaultError, KeyVaultErrorKind
from vaultbind.keyvault.types.common import BackupBlob, ObjectKind

DELETION = {"deletedDate": 1_700_000_000, "scheduledPurgeDate": 1_707_776_000}
MOMENTS = tuple(datetime.fromtimestamp(seconds, UTC) for seconds in (1_700_000_000, 1_707_776_000))


@dataclass(frozen=True, kw_only=True)
class Subject:
    """One kind: the bundle that the service answers with, and the client's methods."""

    kind: ObjectKind
    bundle: dict[str, Any]
    item: dict[str, Any]
    missing: str

    @property
    def deleted(self) -> dict[str, Any]:
        return {"recoveryId": f"{VAULT}/deleted{self.kind.collection}/db", **DELETION}

    def service(self, client: KeyVaultClient) -> Any:
        return getattr(client, self.kind.collection)

    def delete(self, client: KeyVaultClient, **more: float) -> Awaitable[Any]:
        return getattr(self.service(client), f"delete_{self.kind}")("db", **more)  # type: ignore[no-any-return]

    def recover(self, client: KeyVaultClient, **more: float) -> Awaitable[Any]:
        return getattr(self.service(client), f"recover_deleted_{self.kind}")("db", **more)  # type: ignore[no-any-return]

    def purge(self, client: KeyVaultClient, **more: float) -> Awaitable[None]:
        return getattr(self.service(client), f"purge_deleted_{self.kind}")("db", **more)  # type: ignore[no-any-return]

    def get_deleted(self, client: KeyVaultClient) -> Awaitable[Any]:
        return getattr(self.service(client), f"get_deleted_{self.kind}")("db")  # type: ignore[no-any-return]

    def list_deleted(self, client: KeyVaultClient) -> Any:
        return getattr(self.service(client), f"list_deleted_{self.kind.collection}")()

    def backup(self, client: KeyVaultClient) -> Awaitable[BackupBlob]:
        return getattr(self.service(client), f"backup_{self.kind}")("db")  # type: ignore[no-any-return]

    def restore(self, client: KeyVaultClient, blob: BackupBlob) -> Awaitable[Any]:
        return getattr(self.service(client), f"restore_{self.kind}")(blob)  # type: ignore[no-any-return]

    def not_found(self) -> Answer:
        return problem(404, self.missing)


SECRET = Subject(
    kind=ObjectKind.SECRET,
    bundle={**secret_item(), "id": f"{VAULT}/secrets/db/{VERSION}"},
    item=secret_item(),
    missing="SecretNotFound",
)
KEY = Subject(
    kind=ObjectKind.KEY,
    bundle={"key": {"kid": f"{VAULT}/keys/db/{VERSION}", "kty": "RSA", "n": "AQ", "e": "AQAB"}},
    item={"kid": f"{VAULT}/keys/db"},
    missing="KeyNotFound",
)
CERTIFICATE = Subject(
    kind=ObjectKind.CERTIFICATE,
    bundle={"id": f"{VAULT}/certificates/db/{VERSION}", "cer": base64.b64encode(b"der").decode()},
    item={"id": f"{VAULT}/certificates/db", "x5t": "AQID"},
    missing="CertificateNotFound",
)
subjects = pytest.mark.parametrize("subject", [SECRET, KEY, CERTIFICATE], ids=lambda it: it.kind.value)


def paths(transport: CannedTransport) -> list[str]:
    """What was asked for, without the challenge."""
    return [
        f"{request.method} {request.url.removeprefix(VAULT).partition('?')[0]}"
        for request in transport.requests[1:]
    ]


@subjects
async def test_a_deletion_is_waited_for(subject: Subject) -> None:
    collection, clock = subject.kind.collection, FakeClock()
    transport = canned(
        answer({**subject.bundle, **subject.deleted}),
        subject.not_found(),
        subject.not_found(),
        answer({**subject.bundle, **subject.deleted}),
    )

    deleted = await subject.delete(make_client(transport, clock=clock))

    assert paths(transport) == [f"DELETE /{collection}/db", *[f"GET /deleted{collection}/db"] * 3]
    assert clock.slept == [1.0, 2.0]
    assert (deleted.name, deleted.properties.version) == ("db", VERSION)
    assert deleted.recovery_id == f"{VAULT}/deleted{collection}/db"
    assert (deleted.deleted_on, deleted.scheduled_purge_on) == MOMENTS


WITHOUT_WAITING: list[tuple[str, dict[str, Any], dict[str, float]]] = [
    ("asked not to", SECRET.deleted, {"wait": 0}),
    ("a vault without soft deletion", {}, {}),
]


@pytest.mark.parametrize(
    ("deletion", "more"), [row[1:] for row in WITHOUT_WAITING], ids=[row[0] for row in WITHOUT_WAITING]
)
async def test_a_deletion_that_is_not_waited_for(deletion: dict[str, Any], more: dict[str, float]) -> None:
    transport = canned(answer({**SECRET.bundle, **deletion}))

    await SECRET.delete(make_client(transport), **more)

    assert paths(transport) == ["DELETE /secrets/db"]


async def test_who_may_not_read_deleted_objects_does_not_wait() -> None:
    transport = canned(
        answer({**SECRET.bundle, **SECRET.deleted}), problem(403, "Forbidden", "ForbiddenByRbac")
    )
    clock = FakeClock()

    await SECRET.delete(make_client(transport, clock=clock))

    assert clock.slept == []


@subjects
async def test_waiting_has_an_end(subject: Subject) -> None:
    clock = FakeClock()
    transport = canned(answer({**subject.bundle, **subject.deleted}), subject.not_found())

    with pytest.raises(KeyVaultError) as caught:
        await subject.delete(make_client(transport, clock=clock), wait=20)

    assert (caught.value.kind, caught.value.code) == (KeyVaultErrorKind.TIMEOUT, "StillUnderWay")
    assert (caught.value.object_name, caught.value.retryable) == ("db", True)
    assert clock.slept == [1.0, 2.0, 4.0, 4.0, 4.0, 4.0, 1.0]


async def test_trouble_while_waiting_is_told() -> None:
    transport = canned(answer({**SECRET.bundle, **SECRET.deleted}), problem(401, "Unauthorized"))

    with pytest.raises(KeyVaultError) as caught:
        await SECRET.delete(make_client(transport))

    assert caught.value.kind is KeyVaultErrorKind.UNAUTHORIZED


@subjects
async def test_a_recovery_is_waited_for(subject: Subject) -> None:
    collection = subject.kind.collection
    transport = canned(answer(subject.bundle), subject.not_found(), answer(subject.bundle))

    found = await subject.recover(make_client(transport))

    assert paths(transport) == [f"POST /deleted{collection}/db/recover", *[f"GET /{collection}/db"] * 2]
    assert (found.name, found.version) == ("db", VERSION)


async def test_an_object_that_is_still_on_its_way_is_waited_for() -> None:
    deleting = problem(409, "Conflict", "ObjectIsBeingDeleted")
    deleted = answer({**SECRET.bundle, **SECRET.deleted})
    recovering = problem(409, "Conflict", "ObjectIsBeingRecovered")
    clocks = [FakeClock(), FakeClock(), FakeClock()]

    await SECRET.delete(make_client(canned(deleted, deleting, deleted), clock=clocks[0]))
    await SECRET.recover(make_client(canned(answer(SECRET.bundle), recovering, answer({})), clock=clocks[1]))
    await SECRET.purge(make_client(canned(PURGED, deleting, SECRET.not_found()), clock=clocks[2]))

    assert [clock.slept for clock in clocks] == [[1.0]] * 3


async def test_a_recovered_secret_that_is_disabled_is_there() -> None:
    transport = canned(answer(SECRET.bundle), problem(403, "Forbidden", "SecretDisabled"))

    await SECRET.recover(make_client(transport))

    assert len(paths(transport)) == 2


async def test_a_recovery_that_is_not_waited_for() -> None:
    transport = canned(answer(SECRET.bundle))

    await SECRET.recover(make_client(transport), wait=0)

    assert paths(transport) == ["POST /deletedsecrets/db/recover"]


PURGED = Answer(status=204, body=b"")


@subjects
async def test_a_purge_waits_for_the_deletion_and_for_the_name(subject: Subject) -> None:
    collection, clock = subject.kind.collection, FakeClock()
    transport = canned(
        problem(409, "Conflict", "ObjectIsBeingDeleted"),
        PURGED,
        answer({**subject.bundle, **subject.deleted}),
        subject.not_found(),
    )

    await subject.purge(make_client(transport, clock=clock))

    path = f"/deleted{collection}/db"
    assert paths(transport) == [f"DELETE {path}"] * 2 + [f"GET {path}"] * 2
    assert clock.slept == [1.0, 1.0]


PURGES: list[tuple[str, list[Outcome], float, KeyVaultErrorKind | None, int]] = [
    ("not waited for", [PURGED], 0, None, 1),
    (
        "under way and not waited for",
        [problem(409, "Conflict", "ObjectIsBeingDeleted")],
        0,
        KeyVaultErrorKind.BEING_DELETED,
        1,
    ),
    (
        "under way for ever",
        [problem(409, "Conflict", "ObjectIsBeingDeleted")],
        3,
        KeyVaultErrorKind.TIMEOUT,
        3,
    ),
    ("never gone", [PURGED, answer({})], 3, KeyVaultErrorKind.TIMEOUT, 4),
    ("may not look", [PURGED, problem(403, "Forbidden")], 3, None, 2),
    ("forbidden", [problem(403, "Forbidden")], 3, KeyVaultErrorKind.FORBIDDEN, 1),
    ("not there", [SECRET.not_found()], 3, KeyVaultErrorKind.SECRET_NOT_FOUND, 1),
]


@pytest.mark.parametrize(
    ("outcomes", "wait", "kind", "requests"), [row[1:] for row in PURGES], ids=[row[0] for row in PURGES]
)
async def test_how_a_purge_ends(
    outcomes: list[Outcome], wait: float, kind: KeyVaultErrorKind | None, requests: int
) -> None:
    transport = canned(*outcomes)
    ended = None

    try:
        await SECRET.purge(make_client(transport), wait=wait)
    except KeyVaultError as error:
        ended = error.kind

    assert (ended, len(paths(transport))) == (kind, requests)


async def test_both_waits_of_a_purge_share_its_time() -> None:
    under_way, clock = problem(409, "Conflict", "ObjectIsBeingDeleted"), FakeClock()
    transport = canned(under_way, under_way, PURGED, answer({}))

    with pytest.raises(KeyVaultError):
        await SECRET.purge(make_client(transport, clock=clock), wait=5)

    assert clock.slept == [1.0, 2.0, 1.0, 1.0]


@subjects
async def test_deleted_objects_one_and_all(subject: Subject) -> None:
    collection = subject.kind.collection
    transport = canned(
        answer({**subject.bundle, **subject.deleted}),
        answer({"value": [{**subject.item, **subject.deleted}], "nextLink": None}),
    )
    client = make_client(transport)

    one = await subject.get_deleted(client)
    (item,) = await subject.list_deleted(client)

    assert paths(transport) == [f"GET /deleted{collection}/db", f"GET /deleted{collection}"]
    assert "maxresults=25" in transport.requests[-1].url
    assert (one.name, one.scheduled_purge_on) == ("db", MOMENTS[1])
    assert (item.name, item.properties.version, item.deleted_on) == ("db", "", MOMENTS[0])


async def test_what_deleted_keys_and_certificates_still_tell() -> None:
    key = await KEY.get_deleted(make_client(canned(answer({**KEY.bundle, **KEY.deleted}))))
    certificate = await CERTIFICATE.get_deleted(
        make_client(canned(answer({**CERTIFICATE.bundle, **CERTIFICATE.deleted})))
    )

    assert (key.key.kty, key.properties.key_type, certificate.cer) == ("RSA", "RSA", b"der")


@subjects
async def test_backup_and_restore(subject: Subject) -> None:
    collection = subject.kind.collection
    transport = canned(answer({"value": "-_8"}), answer(subject.bundle))
    client = make_client(transport)

    blob = await subject.backup(client)
    restored = await subject.restore(client, blob)

    assert paths(transport) == [f"POST /{collection}/db/backup", f"POST /{collection}/restore"]
    assert blob == BackupBlob(kind=subject.kind, data=b"\xfb\xff")
    assert "xfb" not in repr(blob)
    assert json.loads(transport.requests[-1].content) == {"value": "-_8"}
    assert (restored.name, restored.version) == ("db", VERSION)


@subjects
async def test_a_backup_goes_back_to_its_own_kind(subject: Subject) -> None:
    other = SECRET if subject is KEY else KEY
    transport = canned(answer({}))

    with pytest.raises(KeyVaultError, match=f"backup of a {other.kind}") as caught:
        await subject.restore(make_client(transport), BackupBlob(kind=other.kind, data=b"1"))

    assert caught.value.kind is KeyVaultErrorKind.VALIDATION
    assert transport.requests == []


CALLS: list[Callable[[Subject, KeyVaultClient], Awaitable[Any]]] = [
    Subject.delete,
    Subject.recover,
    Subject.purge,
    Subject.get_deleted,
    Subject.backup,
]


@subjects
@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.__name__)
async def test_names_are_checked_before_the_wire(
    subject: Subject,
    call: Callable[[Subject, KeyVaultClient], Awaitable[Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    transport = canned(answer({}))
    client = make_client(transport)
    service = subject.service(client)
    verb = call.__name__
    noun = f"deleted_{subject.kind}" if verb in {"recover", "purge", "get_deleted"} else subject.kind
    name = f"{verb.removesuffix('_deleted')}_{noun}"

    with pytest.raises(KeyVaultError) as caught:
        await getattr(service, name)("../other")

    assert caught.value.kind is KeyVaultErrorKind.VALIDATION
    assert transport.requests == []
