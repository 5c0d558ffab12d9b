"""What the operator's own account may do, asked of the API server."""

from vaultbind.kube.client import KubeClient
from vaultbind.kube.resources import SELF_SUBJECT_ACCESS_REVIEWS, Resource


async def fetch_allowed(
    client: KubeClient,
    verb: str,
    resource: Resource,
    namespace: str = "",
    *,
    subresource: str = "",
    name: str = "",
) -> bool:
    """Whether our account may do this, to one object where it is named.

    An empty namespace means in all of them. Raises `KubeError`.
    """
    attributes = {
        "verb": verb,
        "group": resource.group,
        "version": resource.version,
        "resource": resource.plural,
        "subresource": subresource,
        "namespace": namespace,
        "name": name,
    }
    review = {
        "apiVersion": SELF_SUBJECT_ACCESS_REVIEWS.api_version,
        "kind": SELF_SUBJECT_ACCESS_REVIEWS.kind,
        "spec": {"resourceAttributes": {key: value for key, value in attributes.items() if value}},
    }
    answer = await client.create(SELF_SUBJECT_ACCESS_REVIEWS, "", review)
    status = answer.get("status") or {}
    return status.get("allowed") is True
