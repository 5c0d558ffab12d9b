"""Who asks: a token becomes a pod, and the pod is asked after in the cluster, every time.

Nothing of this is remembered from one request to the next: a right that was taken away, or a pod that was
deleted, is gone at once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from vaultbind.injection import names
from vaultbind.injection.annotations import is_asked, parse_wish
from vaultbind.injection.errors import InjectionError
from vaultbind.injection.refusal import Reason, RefusalError
from vaultbind.kube.client import KubeClient
from vaultbind.kube.errors import KubeError, KubeErrorKind
from vaultbind.kube.resources import PODS, SUBJECT_ACCESS_REVIEWS, TOKEN_REVIEWS, VAULT_BINDINGS

ROLE: Final = "vaultbind-values-reader"
"""ClusterRole of the chart: get on vaultbindings/values."""
_ACCOUNT: Final = "system:serviceaccount:"
_POD_NAME: Final = "authentication.kubernetes.io/pod-name"
_POD_UID: Final = "authentication.kubernetes.io/pod-uid"
_ENDED: Final = ("Succeeded", "Failed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The pod that a token is bound to, as its claims say."""

    namespace: str
    account: str
    pod: str
    uid: str
    user: Mapping[str, Any] = field(repr=False)
    """The whole user as the TokenReview told it."""

    def __str__(self) -> str:
        """For the audit log."""
        return f"pod {self.namespace}/{self.pod} as {self.account}"


@dataclass(slots=True, kw_only=True)
class CallerChecks:
    """Asks the API server. Every method raises RefusalError, CLUSTER_ERROR where that does not answer."""

    client: KubeClient

    async def authenticate(self, token: str) -> Caller:
        """Let the API server judge the token: signature, expiry, audience, and that its pod exists."""
        spec = {"token": token, "audiences": [names.AUDIENCE]}
        status = await self._review(TOKEN_REVIEWS, spec)
        if status.get("authenticated") is not True or names.AUDIENCE not in (status.get("audiences") or ()):
            raise RefusalError(
                Reason.NOT_AUTHENTICATED,
                f"the token is not valid for audience {names.AUDIENCE}; restart the pod if this stays",
            )
        return parse_caller(status.get("user") or {})

    async def check_pod(self, caller: Caller, binding: str) -> None:
        """See that the pod of the claims lives, is that pod, runs as that account and names the binding."""
        try:
            pod = await self.client.get(PODS, caller.namespace, caller.pod)
        except KubeError as error:
            if error.kind is KubeErrorKind.NOT_FOUND:
                raise RefusalError(Reason.POD_GONE, f"pod {caller.pod} does not exist any more") from None
            raise _cluster_error(error) from None
        decide_pod(caller, pod, binding)

    async def authorize(self, caller: Caller, binding: str) -> None:
        """Ask whether the account may get the values of that VaultBinding."""
        spec = {
            "user": caller.user.get("username"),
            "uid": caller.user.get("uid"),
            "groups": caller.user.get("groups"),
            "extra": caller.user.get("extra"),
            "resourceAttributes": {
                "verb": "get",
                "group": VAULT_BINDINGS.group,
                "version": VAULT_BINDINGS.version,
                "resource": VAULT_BINDINGS.plural,
                "subresource": "values",
                "namespace": caller.namespace,
                "name": binding,
            },
        }
        status = await self._review(SUBJECT_ACCESS_REVIEWS, spec)
        if status.get("allowed") is not True:
            raise RefusalError(Reason.FORBIDDEN, explain_right(caller))

    async def _review(self, resource: Any, spec: Mapping[str, Any]) -> Mapping[str, Any]:
        body = {"apiVersion": resource.api_version, "kind": resource.kind, "spec": spec}
        try:
            answer = await self.client.create(resource, "", body)
        except KubeError as error:
            raise _cluster_error(error) from None
        status: Mapping[str, Any] = answer.get("status") or {}
        return status


def explain_right(caller: Caller) -> str:
    """Say which right is missing and the command that gives it."""
    return (
        f"ServiceAccount {caller.account} may not get vaultbindings/values; allow it with: kubectl create "
        f"rolebinding {caller.account}-values --namespace {caller.namespace} --clusterrole {ROLE} "
        f"--serviceaccount {caller.namespace}:{caller.account}"
    )


def parse_caller(user: Mapping[str, Any]) -> Caller:
    """Take account and pod from a user. Raises RefusalError for one that is not bound to a pod."""
    username, extra = str(user.get("username", "")), user.get("extra") or {}
    namespace, _, account = username.removeprefix(_ACCOUNT).partition(":")
    pod, uid = _only(extra.get(_POD_NAME)), _only(extra.get(_POD_UID))
    if not username.startswith(_ACCOUNT) or not (namespace and account and pod and uid):
        raise RefusalError(Reason.NOT_POD_BOUND, "the token is not bound to a pod; only agents may ask")
    return Caller(namespace=namespace, account=account, pod=pod, uid=uid, user=user)


def _only(values: Sequence[str] | None) -> str:
    return values[0] if values is not None and len(values) == 1 else ""


def decide_pod(caller: Caller, pod: Mapping[str, Any], binding: str) -> None:
    """Compare the claims with the pod as it is. Raises RefusalError."""
    metadata, spec = pod["metadata"], pod.get("spec") or {}
    if metadata.get("uid") != caller.uid:
        raise RefusalError(Reason.POD_GONE, f"pod {caller.pod} is another one now")
    if (spec.get("serviceAccountName") or "default") != caller.account:
        raise RefusalError(Reason.POD_MISMATCH, f"pod {caller.pod} runs as another ServiceAccount")
    if metadata.get("deletionTimestamp") or (pod.get("status") or {}).get("phase") in _ENDED:
        raise RefusalError(Reason.POD_GONE, f"pod {caller.pod} is at its end")
    try:
        named = parse_wish(metadata).bindings if is_asked(metadata) else ()
    except InjectionError:
        named = ()
    if binding not in named:
        raise RefusalError(
            Reason.NOT_OPTED_IN, f"pod {caller.pod} does not name VaultBinding {binding} in its annotations"
        )


def _cluster_error(error: KubeError) -> RefusalError:
    return RefusalError(
        Reason.CLUSTER_ERROR,
        f"the broker cannot ask the API server: {error.kind.value}",
        retry_after=error.retry_after,
    )
