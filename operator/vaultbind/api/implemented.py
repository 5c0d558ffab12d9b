"""What this release does with each field of a spec: which it knows, which it refuses rather than ignores.

The CRDs hold the whole schema from the start; a field whose work is not done yet has a row in a table here,
and a spec that uses it gets condition NotImplemented. A field that is in no table comes from a newer CRD: the
same.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from vaultbind.api.conditions import Reason
from vaultbind.api.errors import SpecError

_LONGEST_NAME: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """One row: the schema path, which of its values are refused, and the sentence that says so."""

    path: str
    sentence: str
    values: frozenset[object] = frozenset()
    """Empty: every value, the field itself is not implemented."""

    def is_met_by(self, value: object) -> bool:
        """Tell whether `value` is refused."""
        return not self.values or (isinstance(value, str | bool) and value in self.values)


BINDING_REFUSALS: Final[Sequence[Refusal]] = ()
KEYVAULT_REFUSALS: Final[Sequence[Refusal]] = ()

CRYPTOJOB_REFUSALS: Final[Sequence[Refusal]] = ()

BINDING_FIELDS: Final[Mapping[str, str]] = {
    "spec": "vaultRef refreshPolicy suspend target data dataFrom rollout expiry",
    "spec.vaultRef": "kind name",
    "spec.target": "name type creationPolicy whenMissing immutable labels annotations template",
    "spec.target.template": "data keep",
    "spec.data[]": "key optional secret certificate publicKey",
    "spec.data[].secret": "name version property decode",
    "spec.data[].certificate": "name version include format passwordRef",
    "spec.data[].certificate.passwordRef": "name key",
    "spec.data[].publicKey": "name version format",
    "spec.dataFrom[]": "extract find tls rewrite optional",
    "spec.dataFrom[].tls": "name version",
    "spec.dataFrom[].rewrite[]": "regexp replacement",
    "spec.dataFrom[].extract": "name version format",
    "spec.dataFrom[].find": "kinds name tags",
    "spec.dataFrom[].find.name": "regexp",
    "spec.expiry": "warnBefore",
    "spec.rollout": "restart",
    "spec.rollout.restart[]": "kind name selector",
    "spec.rollout.restart[].selector": "matchLabels",
}
KEYVAULT_FIELDS: Final[Mapping[str, str]] = {
    "spec": (
        "url auth authorityHost caBundle caBundleRef refreshInterval detection rateLimit expiry"
        " crypto rotation"
    ),
    "spec.auth": "default managedIdentity servicePrincipal workloadIdentity",
    "spec.auth.default": "",
    "spec.auth.managedIdentity": "clientId resourceId",
    "spec.auth.servicePrincipal": "clientId tenantId secretRef certificateRef",
    "spec.auth.servicePrincipal.secretRef": "name key",
    "spec.auth.servicePrincipal.certificateRef": "name key",
    "spec.auth.workloadIdentity": "serviceAccountRef clientId tenantId",
    "spec.auth.workloadIdentity.serviceAccountRef": "name",
    "spec.caBundleRef": "kind name key",
    "spec.rateLimit": "requestsPerSecond burst",
    "spec.expiry": "warnBefore scope",
    "spec.crypto": "allowedKeys allowedOperations",
    "spec.rotation": "keys",
    "spec.rotation.keys[]": "name policy rotateAfterCreation rotateBeforeExpiry expiresAfter",
}
CLUSTER_KEYVAULT_FIELDS: Final[Mapping[str, str]] = {
    **KEYVAULT_FIELDS,
    "spec": KEYVAULT_FIELDS["spec"] + " access",
    "spec.auth.servicePrincipal.secretRef": "namespace name key",
    "spec.auth.servicePrincipal.certificateRef": "namespace name key",
    "spec.auth.workloadIdentity.serviceAccountRef": "namespace name",
    "spec.caBundleRef": "kind namespace name key",
    "spec.access[]": "namespaces objects kinds",
    "spec.access[].namespaces": "names selector all",
    "spec.access[].namespaces.selector": "matchLabels matchExpressions",
    "spec.access[].namespaces.selector.matchExpressions[]": "key operator values",
}
CRYPTOJOB_FIELDS: Final[Mapping[str, str]] = {
    "spec": (
        "vaultRef key operation algorithm input messageType signature iv aad tag envelope output"
        " minAge failOnInvalid suspend activeDeadlineSeconds ttlSecondsAfterFinished backoffLimit"
    ),
    "spec.vaultRef": "kind name",
    "spec.key": "name version",
    "spec.input": "value text secretKeyRef configMapKeyRef secretRef configMapRef decode",
    "spec.signature": "value secretKeyRef configMapKeyRef secretRef configMapRef decode format",
    **{f"spec.{name}": "value secretKeyRef configMapKeyRef decode" for name in ("iv", "aad", "tag")},
    **{
        f"spec.{place}.{ref}": "name key"
        for place in ("input", "signature", "iv", "aad", "tag")
        for ref in ("secretKeyRef", "configMapKeyRef")
    },
    **{
        f"spec.{place}.{ref}": "name"
        for place in ("input", "signature")
        for ref in ("secretRef", "configMapRef")
    },
    "spec.output": "secret configMap status format",
    "spec.output.secret": "name key owner",
    "spec.output.configMap": "name key owner",
    "spec.output.status": "",
}


@dataclass(slots=True)
class _Node:
    """One place of the schema; `closed` where only the named fields may stand."""

    closed: bool = False
    fields: "dict[str, _Node]" = field(default_factory=dict)
    refusal: Refusal | None = None


def compile_check(
    fields: Mapping[str, str], refusals: Sequence[Refusal]
) -> Callable[[Mapping[str, Any]], None]:
    """Return the check of one kind: SpecError (NotImplemented) for the first field refused or not known."""
    root = _Node()
    for path, names in fields.items():
        node = _node_at(root, path)
        node.closed = True
        for name in names.split():
            _node_at(root, f"{path}.{name}")
    for refusal in refusals:
        _node_at(root, refusal.path).refusal = refusal
    spec_node = root.fields["spec"]

    def check(spec: Mapping[str, Any]) -> None:
        for path, problem in _problems(spec, spec_node, "spec"):
            raise SpecError(path, problem, reason=Reason.NOT_IMPLEMENTED)

    return check


def _node_at(root: _Node, path: str) -> _Node:
    node = root
    for step in path.replace("[]", ".[]").split("."):
        node = node.fields.setdefault(step, _Node())
    return node


def _problems(value: Any, node: _Node, path: str) -> Iterator[tuple[str, str]]:
    """Walk value and schema together; shapes that are wrong are left to the parsers."""
    if node.refusal is not None and node.refusal.is_met_by(value):
        yield path, node.refusal.sentence
    elif node.closed and isinstance(value, Mapping):
        for name, below in value.items():
            known = node.fields.get(name)
            if known is None:
                yield f"{path}.{str(name)[:_LONGEST_NAME]}", "this release does not know the field"
            elif below is not None and (known.fields or known.refusal):
                yield from _problems(below, known, f"{path}.{name}")
    elif "[]" in node.fields and isinstance(value, list | tuple):
        for index, below in enumerate(value):
            yield from _problems(below, node.fields["[]"], f"{path}[{index}]")


check_cryptojob: Final = compile_check(CRYPTOJOB_FIELDS, CRYPTOJOB_REFUSALS)
check_binding: Final = compile_check(BINDING_FIELDS, BINDING_REFUSALS)
check_keyvault: Final = compile_check(KEYVAULT_FIELDS, KEYVAULT_REFUSALS)
check_cluster_keyvault: Final = compile_check(CLUSTER_KEYVAULT_FIELDS, KEYVAULT_REFUSALS)
