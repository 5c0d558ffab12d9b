"""What each request needs, in the words of the two permission models of the service.

Roles are Azure's built-in ones, with their data actions as Microsoft lists them; a data action is written
without its prefix `Microsoft.KeyVault/vaults/`.
"""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Final

PREFIX: Final = "Microsoft.KeyVault/vaults/"

ROLES: Final[Mapping[str, tuple[str, ...]]] = {
    "Key Vault Administrator": ("*",),
    "Key Vault Reader": ("*/read", "secrets/readMetadata/action"),
    "Key Vault Secrets Officer": ("secrets/*",),
    "Key Vault Secrets User": ("secrets/getSecret/action", "secrets/readMetadata/action"),
    "Key Vault Certificates Officer": ("certificatecas/*", "certificates/*", "certificatecontacts/write"),
    "Key Vault Certificate User": (
        "certificates/read",
        "secrets/getSecret/action",
        "secrets/readMetadata/action",
        "keys/read",
    ),
    "Key Vault Crypto Officer": ("keys/*", "keyrotationpolicies/*"),
    "Key Vault Crypto User": (
        "keys/read",
        "keys/update/action",
        "keys/backup/action",
        "keys/encrypt/action",
        "keys/decrypt/action",
        "keys/wrap/action",
        "keys/unwrap/action",
        "keys/sign/action",
        "keys/verify/action",
    ),
    "Key Vault Crypto Service Encryption User": ("keys/read", "keys/wrap/action", "keys/unwrap/action"),
    "Key Vault Crypto Service Release User": ("keys/release/action",),
    # these manage vaults and reach nothing in them
    "Key Vault Contributor": (),
    "Key Vault Data Access Administrator": (),
    "Owner": (),
    "Contributor": (),
}

DATA_ACTIONS: Final[Mapping[str, Mapping[str, str]]] = {
    "secrets": {
        "list": "secrets/readMetadata/action",
        "listVersions": "secrets/readMetadata/action",
        "listDeleted": "secrets/readMetadata/action",
        "getDeleted": "secrets/readMetadata/action",
        "get": "secrets/getSecret/action",
        "set": "secrets/setSecret/action",
        "update": "secrets/update/action",
        "delete": "secrets/delete",
        "recover": "secrets/recover/action",
        "purge": "secrets/purge/action",
        "backup": "secrets/backup/action",
        "restore": "secrets/restore/action",
    },
    "keys": {
        "list": "keys/read",
        "listVersions": "keys/read",
        "listDeleted": "keys/read",
        "getDeleted": "keys/read",
        "get": "keys/read",
        "attest": "keys/read",
        "create": "keys/create/action",
        "import": "keys/import/action",
        "update": "keys/update/action",
        "delete": "keys/delete",
        "recover": "keys/recover/action",
        "purge": "keys/purge/action",
        "backup": "keys/backup/action",
        "restore": "keys/restore/action",
        "encrypt": "keys/encrypt/action",
        "decrypt": "keys/decrypt/action",
        "sign": "keys/sign/action",
        "verify": "keys/verify/action",
        "wrap": "keys/wrap/action",
        "unwrap": "keys/unwrap/action",
        "release": "keys/release/action",
        "rotate": "keys/rotate/action",
        "random": "keys/rng/action",
        "getRotationPolicy": "keyrotationpolicies/read",
        "setRotationPolicy": "keyrotationpolicies/write",
    },
    "certificates": {
        "list": "certificates/read",
        "listVersions": "certificates/read",
        "listDeleted": "certificates/read",
        "getDeleted": "certificates/read",
        "get": "certificates/read",
        "getPolicy": "certificates/read",
        "getPending": "certificates/read",
        "create": "certificates/create/action",
        "merge": "certificates/create/action",
        "import": "certificates/import/action",
        "update": "certificates/update/action",
        "updatePolicy": "certificates/update/action",
        "cancelPending": "certificates/update/action",
        "delete": "certificates/delete",
        "deletePending": "certificates/delete",
        "recover": "certificates/recover/action",
        "purge": "certificates/purge/action",
        "backup": "certificates/backup/action",
        "restore": "certificates/restore/action",
        "getContacts": "certificatecontacts/write",
        "setContacts": "certificatecontacts/write",
        "deleteContacts": "certificatecontacts/write",
        "listIssuers": "certificatecas/read",
        "getIssuer": "certificatecas/read",
        "setIssuer": "certificatecas/write",
        "updateIssuer": "certificatecas/write",
        "deleteIssuer": "certificatecas/delete",
    },
}
"""By kind and action of a request; there is no right that reads contacts and writes none."""

PERMISSIONS: Final[Mapping[str, Mapping[str, str]]] = {
    "secrets": {
        "listVersions": "list",
        "listDeleted": "list",
        "getDeleted": "get",
        "update": "set",
    },
    "keys": {
        "listVersions": "list",
        "listDeleted": "list",
        "getDeleted": "get",
        "attest": "get",
        "wrap": "wrapkey",
        "unwrap": "unwrapkey",
        "random": "get",
    },
    "certificates": {
        "listVersions": "list",
        "listDeleted": "list",
        "getDeleted": "get",
        "getPolicy": "get",
        "getPending": "get",
        "merge": "create",
        "updatePolicy": "update",
        "cancelPending": "update",
        "deletePending": "delete",
        "getContacts": "managecontacts",
        "setContacts": "managecontacts",
        "deleteContacts": "managecontacts",
        "updateIssuer": "setIssuer",
    },
}
"""Permissions of access policies that are called otherwise than the action."""

SECTION_KINDS: Final = {
    "secrets": "secrets",
    "keys": "keys",
    "keyrotationpolicies": "keys",
    "certificates": "certificates",
}
"""Data actions on which an assignment for one object can have a say."""


def data_action(kind: str, action: str) -> str:
    """Data action that a request needs, without its prefix."""
    return DATA_ACTIONS[kind][action]


def permission(kind: str, action: str) -> str:
    """Permission of an access policy that a request needs, in small letters as policies have it."""
    word = PERMISSIONS[kind].get(action, action).lower()
    issuers = {"listissuers", "getissuer", "setissuer", "deleteissuer"}
    return f"{word.removesuffix('s')}s" if word in issuers else word


def permissions(kind: str) -> frozenset[str]:
    """All permissions of a kind."""
    return frozenset(permission(kind, action) for action in DATA_ACTIONS[kind])


def is_granted(actions: Sequence[str], wanted: str) -> bool:
    """Tell whether one of a role's data actions, which may have `*`, covers the wanted one."""
    return any(fnmatchcase(wanted.lower(), action.removeprefix(PREFIX).lower()) for action in actions)


def covers(scope: str, wanted: str, name: str) -> bool:
    """Tell whether a scope (empty: the vault; else `secrets/db`) holds the object of a request.

    An assignment for one object says nothing about lists, nor about the secret of a certificate.
    """
    if not scope:
        return True
    kind, _, wanted_name = scope.partition("/")
    return SECTION_KINDS.get(wanted.split("/", maxsplit=1)[0]) == kind and name.lower() == wanted_name.lower()
