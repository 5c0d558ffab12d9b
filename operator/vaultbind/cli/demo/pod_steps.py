"""A pod that names a binding: the webhook's own rules, asked about a pod as a person writes it.

No pod runs here: the embedded cluster has no kubelet and calls no webhook. What is shown is the decision
of `vaultbind webhook`, made from the binding that the cluster holds.
"""

import time
from typing import Any, ClassVar, Final

from vaultbind.cli.demo.manifests import BINDING_SECRETS
from vaultbind.cli.demo.outcome import Closing, Look, is_not
from vaultbind.cli.demo.stage import Stage
from vaultbind.cli.demo.steps import Step
from vaultbind.injection import names
from vaultbind.injection.annotations import DEFAULT_MOUNT_PATH
from vaultbind.injection.errors import InjectionError
from vaultbind.injection.facts import Installation
from vaultbind.injection.lookup import KeyLookup
from vaultbind.injection.reviews import PodReviews

VARIABLES: Final = ("username", "password")
"""Keys of the binding that are names of variables; `payment-api-key` is a file only."""
INSTALLATION: Final = Installation(
    image="vaultbind", broker_url="https://vaultbind-broker.vaultbind-system.svc:8443", env_files=True
)


def render_pod(namespace: str) -> dict[str, Any]:
    """The pod: one container, a label, two annotations."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "shop",
            "namespace": namespace,
            "labels": {names.LABEL_INJECT: "true"},
            "annotations": {names.BINDINGS: BINDING_SECRETS, names.MODE: "both"},
        },
        "spec": {"containers": [{"name": "web", "image": "example.com/shop:1"}]},
    }


class PodStep(Step):
    """Mutate a pod."""

    name: ClassVar = "pod"
    title: ClassVar = f"a pod names {BINDING_SECRETS}; asking the webhook's rules what becomes of it"
    expected: ClassVar = (
        f"the agent is the pod's first init container; container web has a mount at {DEFAULT_MOUNT_PATH} and "
        f"variables {', '.join(VARIABLES)} out of the agent's file"
    )

    async def look(self, stage: Stage) -> Look:
        """Review the pod and read what it has become."""
        lookup = KeyLookup(stage.client, time.monotonic)
        reviews = PodReviews(installation=lambda: INSTALLATION, lookup=lookup)
        try:
            mutation = await reviews.review(render_pod(stage.namespace), stage.namespace)
        except InjectionError as error:
            return is_not(str(error))
        if mutation is None:
            return is_not("the pod was left as it is")
        return check_pod(mutation.pod)

    async def finish(self, stage: Stage) -> Closing:
        """Tell what was not done."""
        _ = stage
        return Closing(notes=("no pod was run: there is no kubelet here; see docs/guides/injection.md",))


def check_pod(pod: dict[str, Any]) -> Look:
    """Compare a pod with what is expected."""
    spec = pod["spec"]
    (container,) = spec["containers"]
    if [item["name"] for item in spec.get("initContainers", ())] != [names.AGENT]:
        return is_not(f"{names.AGENT} is not the only init container")
    if [item["mountPath"] for item in container.get("volumeMounts", ())] != [DEFAULT_MOUNT_PATH]:
        return is_not(f"container web has no mount at {DEFAULT_MOUNT_PATH}")
    found = [item["name"] for item in container.get("env", ()) if "fileKeyRef" in item["valueFrom"]]
    if found != list(VARIABLES):
        return is_not(f"container web has variables {', '.join(found) or 'none'}")
    return Look(
        told=f"a pod that names {BINDING_SECRETS} gets {names.AGENT} first, files in {DEFAULT_MOUNT_PATH} "
        f"and variables {', '.join(found)}"
    )
