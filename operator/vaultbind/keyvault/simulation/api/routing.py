"""From method and path to what is asked for: kind of object, action, name and version."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from vaultbind.keyvault.simulation.problems import VaultProblem, bad_parameter
from vaultbind.keyvault.simulation.records import Kind
from vaultbind.keyvault.versions import API_VERSIONS


class Action(StrEnum):
    """What a request does; the values are the words that access rules and statistics use."""

    LIST = "list"
    LIST_VERSIONS = "listVersions"
    GET = "get"
    SET = "set"
    CREATE = "create"
    IMPORT = "import"
    UPDATE = "update"
    DELETE = "delete"
    LIST_DELETED = "listDeleted"
    GET_DELETED = "getDeleted"
    RECOVER = "recover"
    PURGE = "purge"
    GET_POLICY = "getPolicy"
    UPDATE_POLICY = "updatePolicy"
    GET_PENDING = "getPending"
    CANCEL_PENDING = "cancelPending"
    DELETE_PENDING = "deletePending"
    BACKUP = "backup"
    RESTORE = "restore"
    ENCRYPT = "encrypt"
    DECRYPT = "decrypt"
    SIGN = "sign"
    VERIFY = "verify"
    WRAP = "wrap"
    UNWRAP = "unwrap"
    RELEASE = "release"
    ATTEST = "attest"
    ROTATE = "rotate"
    GET_ROTATION_POLICY = "getRotationPolicy"
    SET_ROTATION_POLICY = "setRotationPolicy"
    RANDOM = "random"
    MERGE = "merge"
    GET_CONTACTS = "getContacts"
    SET_CONTACTS = "setContacts"
    DELETE_CONTACTS = "deleteContacts"
    LIST_ISSUERS = "listIssuers"
    GET_ISSUER = "getIssuer"
    SET_ISSUER = "setIssuer"
    UPDATE_ISSUER = "updateIssuer"
    DELETE_ISSUER = "deleteIssuer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A request that the service knows; `template` is its path with placeholders."""

    kind: Kind
    action: Action
    template: str
    name: str = ""
    version: str = ""


LIVE: Final = {kind.value: kind for kind in Kind}
DELETED: Final = {f"deleted{kind.value}": kind for kind in Kind}
OBJECT_ACTIONS: Final = {
    "GET": Action.GET,
    "PATCH": Action.UPDATE,
    "DELETE": Action.DELETE,
}
SUB_ACTIONS: Final = {
    ("POST", Kind.KEYS, "create"): Action.CREATE,
    ("POST", Kind.KEYS, "rotate"): Action.ROTATE,
    ("GET", Kind.KEYS, "rotationpolicy"): Action.GET_ROTATION_POLICY,
    ("PUT", Kind.KEYS, "rotationpolicy"): Action.SET_ROTATION_POLICY,
    ("POST", Kind.CERTIFICATES, "create"): Action.CREATE,
    ("POST", Kind.CERTIFICATES, "import"): Action.IMPORT,
    ("GET", Kind.CERTIFICATES, "policy"): Action.GET_POLICY,
    ("PATCH", Kind.CERTIFICATES, "policy"): Action.UPDATE_POLICY,
    ("GET", Kind.CERTIFICATES, "pending"): Action.GET_PENDING,
    ("PATCH", Kind.CERTIFICATES, "pending"): Action.CANCEL_PENDING,
    ("DELETE", Kind.CERTIFICATES, "pending"): Action.DELETE_PENDING,
    **{("GET", kind, "versions"): Action.LIST_VERSIONS for kind in Kind},
    **{("POST", kind, "backup"): Action.BACKUP for kind in Kind},
}
KEY_USES: Final = {
    "encrypt": Action.ENCRYPT,
    "decrypt": Action.DECRYPT,
    "sign": Action.SIGN,
    "verify": Action.VERIFY,
    "wrapkey": Action.WRAP,
    "unwrapkey": Action.UNWRAP,
    "release": Action.RELEASE,
    "attestation": Action.ATTEST,
}
"""/keys/{name}/{version}/..., the version may be empty or left out; a POST, but for `attestation`."""
CONTACT_ACTIONS: Final = {
    "GET": Action.GET_CONTACTS,
    "PUT": Action.SET_CONTACTS,
    "DELETE": Action.DELETE_CONTACTS,
}
ISSUER_ACTIONS: Final = {
    "GET": Action.GET_ISSUER,
    "PUT": Action.SET_ISSUER,
    "PATCH": Action.UPDATE_ISSUER,
    "DELETE": Action.DELETE_ISSUER,
}
DELETED_ACTIONS: Final = {"GET": Action.GET_DELETED, "DELETE": Action.PURGE}


def parse_route(method: str, path: str) -> Route:
    """What a request asks for; raises VaultProblem (404 unknown path, 405 wrong method)."""
    segments = path.strip("/").split("/")
    kind = LIVE.get(segments[0].lower())
    if kind is not None:
        return _parse_live(method, kind, segments[1:])
    kind = DELETED.get(segments[0].lower())
    if kind is not None:
        return _parse_deleted(method, kind, segments[1:])
    if segments[0].lower() == "rng":
        return _only(method, "POST", Route(kind=Kind.KEYS, action=Action.RANDOM, template="/rng"))
    raise _unknown()


def _parse_live(method: str, kind: Kind, rest: list[str]) -> Route:
    if not rest:
        return _only(method, "GET", Route(kind=kind, action=Action.LIST, template=f"/{kind}"))
    special = _parse_special(method, kind, rest)
    if special is not None:
        return special
    name = rest[0]
    if len(rest) == 1:
        action = OBJECT_ACTIONS.get(method) or _put_action(method, kind)
        return Route(kind=kind, action=action, template=f"/{kind}/{{name}}", name=name)
    if len(rest) > 2:
        raise _unknown()
    word = rest[1]
    sub_action = SUB_ACTIONS.get((method, kind, word.lower()))
    if sub_action is not None:
        return Route(kind=kind, action=sub_action, template=f"/{kind}/{{name}}/{word.lower()}", name=name)
    if method not in {"GET", "PATCH"}:
        raise _wrong_method()
    action = OBJECT_ACTIONS[method]
    return Route(kind=kind, action=action, template=f"/{kind}/{{name}}/{{version}}", name=name, version=word)


def _parse_special(method: str, kind: Kind, rest: list[str]) -> Route | None:
    """What does not follow the pattern of names, versions and one word behind a name."""
    if method == "POST" and rest == ["restore"]:
        return Route(kind=kind, action=Action.RESTORE, template=f"/{kind}/restore")
    if kind is Kind.CERTIFICATES:
        return _parse_certificate_words(method, [segment.lower() for segment in rest], rest)
    return _parse_use(method, rest) if kind is Kind.KEYS else None


def _parse_use(method: str, rest: list[str]) -> Route | None:
    word = rest[-1].lower()
    expected = "GET" if word == "attestation" else "POST"
    is_use = len(rest) == 3 or (len(rest) == 2 and method == expected)
    if not is_use or word not in KEY_USES:
        return None
    version = rest[1] if len(rest) == 3 else ""
    template = f"/keys/{{name}}/{{version}}/{word}" if version else f"/keys/{{name}}/{word}"
    route = Route(kind=Kind.KEYS, action=KEY_USES[word], template=template, name=rest[0], version=version)
    return _only(method, expected, route)


def _parse_certificate_words(method: str, words: list[str], rest: list[str]) -> Route | None:
    """Paths below /certificates that name no certificate, and the one that is deeper than all others."""
    if words == ["contacts"]:
        return _one_of(method, CONTACT_ACTIONS, "/certificates/contacts")
    if words == ["issuers"]:
        template = "/certificates/issuers"
        return _only(
            method, "GET", Route(kind=Kind.CERTIFICATES, action=Action.LIST_ISSUERS, template=template)
        )
    if words[0] == "issuers" and len(words) == 2:
        return _one_of(method, ISSUER_ACTIONS, "/certificates/issuers/{name}", rest[1])
    if words[1:] == ["pending", "merge"]:
        template = "/certificates/{name}/pending/merge"
        route = Route(kind=Kind.CERTIFICATES, action=Action.MERGE, template=template, name=rest[0])
        return _only(method, "POST", route)
    return None


def _one_of(method: str, actions: Mapping[str, Action], template: str, name: str = "") -> Route:
    action = actions.get(method)
    if action is None:
        raise _wrong_method()
    return Route(kind=Kind.CERTIFICATES, action=action, template=template, name=name)


def _put_action(method: str, kind: Kind) -> Action:
    if method != "PUT" or kind is Kind.CERTIFICATES:
        raise _wrong_method()
    return Action.SET if kind is Kind.SECRETS else Action.IMPORT


def _parse_deleted(method: str, kind: Kind, rest: list[str]) -> Route:
    base = f"/deleted{kind}"
    if not rest:
        return _only(method, "GET", Route(kind=kind, action=Action.LIST_DELETED, template=base))
    name = rest[0]
    if len(rest) == 1:
        action = DELETED_ACTIONS.get(method)
        if action is None:
            raise _wrong_method()
        return Route(kind=kind, action=action, template=f"{base}/{{name}}", name=name)
    if rest[1:] != ["recover"]:
        raise _unknown()
    route = Route(kind=kind, action=Action.RECOVER, template=f"{base}/{{name}}/recover", name=name)
    return _only(method, "POST", route)


def _only(method: str, expected: str, route: Route) -> Route:
    if method != expected:
        raise _wrong_method()
    return route


def _unknown() -> VaultProblem:
    return VaultProblem(404, "NotFound", "The request URI does not match any operation.")


def _wrong_method() -> VaultProblem:
    return VaultProblem(405, "MethodNotAllowed", "The method is not allowed on this URI.")


def check_api_version(version: str | None) -> None:
    """Raise VaultProblem (BadParameter) for a missing or unknown api-version."""
    if not version:
        raise bad_parameter("api-version must be specified")
    if version not in API_VERSIONS:
        raise bad_parameter(
            f"The specified version ({version[:20]}) is not recognized. Consider using the latest."
        )
