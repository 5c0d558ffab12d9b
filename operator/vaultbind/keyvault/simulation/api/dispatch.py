"""From an understood call to its handler; lists and soft deletion are alike for the three kinds."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from vaultbind.keyvault.simulation.api import backup, certificates, issuers, keys, keyuse, secrets
from vaultbind.keyvault.simulation.api.calls import Call, render_deletion
from vaultbind.keyvault.simulation.api.messages import Answer
from vaultbind.keyvault.simulation.api.paging import render_page
from vaultbind.keyvault.simulation.api.routing import Action
from vaultbind.keyvault.simulation.records import Kind
from vaultbind.keyvault.simulation.store import Deletion
from vaultbind.keyvault.simulation.vault import AnyVersion

Handler = Callable[[Call], Answer]
Render = Callable[..., dict[str, Any]]

ITEMS: Final[Mapping[Kind, Render]] = {
    Kind.SECRETS: secrets.render_item,
    Kind.KEYS: keys.render_item,
    Kind.CERTIFICATES: certificates.render_item,
}
WHOLES: Final[Mapping[Kind, Render]] = {
    Kind.SECRETS: secrets.render_changed,
    Kind.KEYS: keys.render_key,
    Kind.CERTIFICATES: certificates.render_certificate,
}


def answer(call: Call) -> Answer:
    """Carry out a call; raises VaultProblem."""
    shared = SHARED.get(call.route.action)
    return shared(call) if shared else OWN[call.route.kind, call.route.action](call)


def _list(call: Call) -> Answer:
    kind = call.route.kind
    return render_page(
        call,
        lambda after, limit: call.vault.page(kind, after, limit, pending=_with_pending(call)),
        lambda record: record.name.lower(),
        lambda record: ITEMS[kind](call, record),
    )


def _with_pending(call: Call) -> bool:
    """Whether a list shows certificates that nobody has signed yet."""
    return call.query.get("includePending", "").lower() == "true"


def _list_versions(call: Call) -> Answer:
    kind = call.route.kind
    records = call.vault.versions(kind, call.route.name)

    def fetch(after: str, limit: int) -> tuple[list[AnyVersion], bool]:
        rest = [record for record in records if record.version > after]
        return rest[:limit], len(rest) > limit

    return render_page(
        call, fetch, lambda record: record.version, lambda record: ITEMS[kind](call, record, versioned=True)
    )


def _list_deleted(call: Call) -> Answer:
    kind = call.route.kind

    def render(deletion: Deletion[AnyVersion]) -> dict[str, Any]:
        return {**ITEMS[kind](call, deletion.history.latest), **render_deletion(call, deletion)}

    return render_page(
        call,
        lambda after, limit: call.vault.deleted_page(
            kind, after, limit, now=call.now, pending=_with_pending(call)
        ),
        lambda deletion: deletion.history.latest.name.lower(),
        render,
    )


def _delete(call: Call) -> Answer:
    operations: Mapping[Kind, Callable[[], Deletion[Any]]] = {
        Kind.SECRETS: lambda: call.vault.secrets.delete(call.route.name, now=call.now),
        Kind.KEYS: lambda: call.vault.keys.delete(call.route.name, now=call.now),
        Kind.CERTIFICATES: lambda: call.vault.certificates.delete(call.route.name, now=call.now),
    }
    return _deleted(call, operations[call.route.kind]())


def _get_deleted(call: Call) -> Answer:
    return _deleted(call, call.vault.get_deleted(call.route.kind, call.route.name, now=call.now))


def _deleted(call: Call, deletion: Deletion[AnyVersion]) -> Answer:
    whole = WHOLES[call.route.kind](call, deletion.history.latest)
    return Answer(content={**whole, **render_deletion(call, deletion)})


def _recover(call: Call) -> Answer:
    record = call.vault.recover(call.route.kind, call.route.name, now=call.now)
    return Answer(content=WHOLES[call.route.kind](call, record))


def _purge(call: Call) -> Answer:
    call.vault.purge(call.route.kind, call.route.name, now=call.now)
    return Answer(status=204)


def _restore(call: Call) -> Answer:
    return Answer(content=WHOLES[call.route.kind](call, backup.restore(call)))


SHARED: Final[Mapping[Action, Handler]] = {
    Action.LIST: _list,
    Action.LIST_VERSIONS: _list_versions,
    Action.LIST_DELETED: _list_deleted,
    Action.DELETE: _delete,
    Action.GET_DELETED: _get_deleted,
    Action.RECOVER: _recover,
    Action.PURGE: _purge,
    Action.BACKUP: backup.backup,
    Action.RESTORE: _restore,
}
OWN: Final[Mapping[tuple[Kind, Action], Handler]] = {
    (Kind.SECRETS, Action.SET): secrets.set_secret,
    (Kind.SECRETS, Action.GET): secrets.get_secret,
    (Kind.SECRETS, Action.UPDATE): secrets.update_secret,
    (Kind.KEYS, Action.CREATE): keys.create_key,
    (Kind.KEYS, Action.IMPORT): keys.import_key,
    (Kind.KEYS, Action.GET): keys.get_key,
    (Kind.KEYS, Action.UPDATE): keys.update_key,
    (Kind.KEYS, Action.ROTATE): keys.rotate_key,
    (Kind.KEYS, Action.GET_ROTATION_POLICY): keys.get_rotation_policy,
    (Kind.KEYS, Action.SET_ROTATION_POLICY): keys.set_rotation_policy,
    (Kind.KEYS, Action.ENCRYPT): keyuse.encrypt,
    (Kind.KEYS, Action.DECRYPT): keyuse.decrypt,
    (Kind.KEYS, Action.WRAP): keyuse.wrap,
    (Kind.KEYS, Action.UNWRAP): keyuse.unwrap,
    (Kind.KEYS, Action.SIGN): keyuse.sign,
    (Kind.KEYS, Action.VERIFY): keyuse.verify,
    (Kind.KEYS, Action.RELEASE): keyuse.release,
    (Kind.KEYS, Action.ATTEST): keys.get_attestation,
    (Kind.KEYS, Action.RANDOM): keyuse.random_bytes,
    (Kind.CERTIFICATES, Action.CREATE): certificates.create_certificate,
    (Kind.CERTIFICATES, Action.IMPORT): certificates.import_certificate,
    (Kind.CERTIFICATES, Action.GET): certificates.get_certificate,
    (Kind.CERTIFICATES, Action.UPDATE): certificates.update_certificate,
    (Kind.CERTIFICATES, Action.GET_POLICY): certificates.get_policy,
    (Kind.CERTIFICATES, Action.UPDATE_POLICY): certificates.update_policy,
    (Kind.CERTIFICATES, Action.GET_PENDING): certificates.get_pending,
    (Kind.CERTIFICATES, Action.CANCEL_PENDING): certificates.cancel_pending,
    (Kind.CERTIFICATES, Action.DELETE_PENDING): certificates.delete_pending,
    (Kind.CERTIFICATES, Action.MERGE): certificates.merge_certificate,
    **issuers.HANDLERS,
}
