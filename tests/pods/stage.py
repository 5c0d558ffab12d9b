"""A real cluster with the emulator as a pod in it, and what a test does there."""

import base64
import contextlib
import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.apiserver.installation import Installation
from tests.chart.release import NAMESPACE
from tools.localcluster.images import OURS, PROBE
from tools.podcluster import PodCluster

VAULT_NAMESPACE = "vault"
HOST = f"shop.{VAULT_NAMESPACE}.svc"
URL = f"https://{HOST}:8443"
"""A vault by the name of its Service."""
SHOP = "shop"
"""Namespace of the applications; nothing but restricted pods may run there."""
TENANT = "00000000-0000-0000-0000-00000000cafe"
SECONDS = 180.0
VAULTS = {
    "shop": {
        "secrets": {"password": "first-value", "quoted": "it's"},
        "keys": {"release-signing": {"type": "EC", "curve": "P-256"}},
    }
}
WORKLOAD = "workload"
"""Client of Entra ID that trusts the cluster's tokens for one ServiceAccount."""
FEDERATED = "federated"
"""Name of that ServiceAccount, in the applications' namespace."""
RESTRICTED = {
    "runAsNonRoot": True,
    "runAsUser": 65532,
    "seccompProfile": {"type": "RuntimeDefault"},
}
CONTAINER = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
SET_SECRET = """
import asyncio, os, sys
from vaultbind.keyvault import ClientSecretIdentity, KeyVaultClient, SecretString
identity = ClientSecretIdentity(
    tenant_id=sys.argv[1], authority_host=sys.argv[2], client_id="tests",
    client_secret=SecretString(os.environ["VAULTBIND_EMULATOR_TOKEN"]))
async def main():
    builder = KeyVaultClient.builder().vault_url(sys.argv[2]).credential(identity)
    async with builder.build() as client:
        for value in sys.argv[4:]:
            await client.secrets.set_secret(sys.argv[3], value)
            await asyncio.sleep(0.2)
asyncio.run(main())
"""

ASK = """
import ssl, sys, urllib.error, urllib.request
request = urllib.request.Request(sys.argv[1], headers={"Authorization": f"Bearer {sys.argv[2]}"})
context = ssl._create_unverified_context()
try:
    print(urllib.request.urlopen(request, context=context).status)
except urllib.error.HTTPError as error:
    print(error.code)
"""


@dataclass(slots=True, kw_only=True)
class PodStage:
    """The cluster, Helm, and the vault's CA once its pod runs."""

    cluster: PodCluster
    installation: Installation
    token: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)
    ca: str = ""

    # -- the vault ------------------------------------------------------------------------------

    def start_vault(self) -> None:
        """The emulator as a pod behind a Service, and a Secret with what the operator shows it."""
        for name, labels in (
            (VAULT_NAMESPACE, {}),
            (SHOP, {"pod-security.kubernetes.io/enforce": "restricted"}),
        ):
            self.installation.apply(
                {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
            )
        self.until(lambda: self.exists("serviceaccount/default", VAULT_NAMESPACE), "no default account")
        found = self.cluster.kubectl("get", "--raw", "/.well-known/openid-configuration").stdout
        jwks = self.cluster.kubectl("get", "--raw", "/openid/v1/jwks").stdout
        issuer = {"issuer": json.loads(found)["issuer"], "jwks": json.loads(jwks)}
        self.installation.apply(*render_vault(self.token, issuer))
        self.cluster.kubectl(
            *("-n", VAULT_NAMESPACE, "wait", "--for=condition=Ready", "pod/shop", "--timeout=150s")
        )
        self.ca = self.in_vault("cat", "/certs/ca.pem")

    def in_vault(self, *command: str) -> str:
        """Output of a command in the vault's pod."""
        return self.cluster.kubectl("-n", VAULT_NAMESPACE, "exec", "shop", "--", *command).stdout

    def set_secret(self, name: str, *values: str) -> None:
        """New versions of a secret, five in a second."""
        python = ("env", "SSL_CERT_FILE=/certs/ca.pem", "python3", "-c")
        self.in_vault(*python, SET_SECRET, TENANT, URL, name, *values)

    def vault_spec(self, **more: Any) -> dict[str, Any]:
        """Spec of a ClusterKeyVault that leads to it."""
        auth = {
            "clientId": "operator",
            "tenantId": TENANT,
            "secretRef": {"namespace": VAULT_NAMESPACE, "name": "credentials", "key": "secret"},
        }
        return {
            "url": URL,
            "authorityHost": URL,
            "caBundle": self.ca,
            "auth": {"servicePrincipal": auth},
            "refreshInterval": "5s",
            "access": [{"namespaces": {"names": [SHOP]}}],
            "crypto": {"allowedKeys": ["release-*"], "allowedOperations": ["Sign"]},
            **more,
        }

    def values(self, **injection: Any) -> dict[str, Any]:
        """The chart's values."""
        repository, _, tag = OURS.rpartition(":")
        return {
            "image": {"repository": repository, "tag": tag, "pullPolicy": "Never"},
            "allowedVaultSuffixes": [f".{VAULT_NAMESPACE}.svc:8443"],
            "allowedAuthorityHosts": [f"{HOST}:8443"],
            "defaultVault": self.vault_spec(),
            "rollouts": {"enabled": True},
            **({"injection": injection} if injection else {}),
        }

    # -- the applications -----------------------------------------------------------------------

    def bind(self, name: str, secret: str = "password", **spec: Any) -> None:
        """A binding of one secret to the key PASSWORD."""
        data = [{"key": "PASSWORD", "secret": {"name": secret}}]
        self.apply("vaultbind.dev/v1alpha1", "VaultBinding", name, spec={"data": data} | spec)

    def apply(self, api: str, kind: str, name: str, **parts: Any) -> None:
        """An object in the applications' namespace."""
        metadata = {"name": name, "namespace": SHOP}
        self.installation.apply({"apiVersion": api, "kind": kind, "metadata": metadata, **parts})

    def run_probe(
        self,
        name: str,
        *arguments: str,
        annotations: Mapping[str, str] | None = None,
        container: Mapping[str, Any] | None = None,
        check: bool = True,
        **spec: Any,
    ) -> str:
        """Create a restricted pod of the image without a shell; return what the API server complains of."""
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": SHOP, **render_opt_in(annotations)},
            "spec": render_spec(*arguments, container=container, **spec),
        }
        done = self.cluster.kubectl("create", "-f", "-", input=json.dumps(pod), check=check)
        return done.stderr

    def says(self, pod: str, words: str) -> bool:
        """Whether a pod has printed something."""
        done = self.cluster.kubectl("-n", SHOP, "logs", pod, "-c", "web", check=False)
        return words in done.stdout

    def wait_says(self, pod: str, words: str) -> None:
        """Wait until a pod has printed something."""
        self.until(
            lambda: self.says(pod, words), lambda: f"{pod} does not say {words!r}\n{self.describe(pod)}"
        )

    def describe(self, pod: str) -> str:
        """What a person would look at."""
        described = self.cluster.kubectl("-n", SHOP, "describe", "pod", pod, check=False).stdout
        logs = self.cluster.kubectl("-n", SHOP, "logs", pod, "--all-containers", check=False)
        return f"{described}\n{logs.stdout}{logs.stderr}"

    def peak_kb(self, pod: str, container: str) -> int:
        """Highest resident memory of a container's main process, which is Python, in kilobytes."""
        read = ("python3", "-c", "print(open('/proc/1/status').read())")
        told = self.cluster.kubectl("-n", SHOP, "exec", pod, "-c", container, "--", *read).stdout
        return next(int(line.split()[1]) for line in told.splitlines() if line.startswith("VmHWM:"))

    def wait_ready(self, binding: str) -> None:
        """Wait until a binding is Ready."""
        wait = ("wait", "--for=condition=Ready", f"vaultbinding/{binding}", "--timeout=150s")
        self.cluster.kubectl("-n", SHOP, *wait)

    def terminated(self, pod: str, container: str = "vaultbind-agent") -> str:
        """Last words of an init container, as `kubectl describe` shows them."""
        found = self.installation.get("pod", pod, "-n", SHOP)
        for status in found["status"].get("initContainerStatuses", []):
            for state in (status.get("state", {}), status.get("lastState", {})):
                if status["name"] == container and "terminated" in state:
                    return str(state["terminated"].get("message", ""))
        return ""

    def exists(self, what: str, namespace: str = SHOP) -> bool:
        """Whether an object is there."""
        done = self.cluster.kubectl("-n", namespace, "get", what, "--ignore-not-found", "-o", "name")
        return bool(done.stdout.strip())

    def secret(self, name: str) -> str:
        """The value in a binding's Secret; empty without one."""
        done = self.cluster.kubectl("-n", SHOP, "get", "secret", name, "--ignore-not-found", "-o", "json")
        data = json.loads(done.stdout)["data"] if done.stdout.strip() else {}
        return base64.b64decode(data.get("PASSWORD", "")).decode()

    def leader(self) -> str:
        """Name of the pod that leads; empty while none does."""
        lease = self.installation.get("lease", "vaultbind", "-n", NAMESPACE)
        return str(lease["spec"].get("holderIdentity") or "").partition("_")[0]

    def settled_leader(self) -> str:
        """Name of the pod that leads and stays, waited for: the one before may just have been told to end."""
        found: list[str] = []

        def is_settled() -> bool:
            found[:] = [self.leader()]
            return found[0] in self._staying()

        self.until(is_settled, "no pod leads")
        return found[0]

    def _staying(self) -> set[str]:
        found = self.installation.get("pods", "-n", NAMESPACE, "-l", "app.kubernetes.io/name=vaultbind")
        return {
            pod["metadata"]["name"]
            for pod in found["items"]
            if pod["status"].get("phase") == "Running" and "deletionTimestamp" not in pod["metadata"]
        }

    def annotation(self, pod: str, name: str) -> str:
        """An annotation of ours on a pod."""
        metadata = self.installation.get("pod", pod, "-n", SHOP)["metadata"]
        return str(metadata["annotations"].get(f"vaultbind.dev/{name}", ""))

    def grant(self, account: str) -> None:
        """The right to values, by the command that the pages name."""
        role = ("--clusterrole", "vaultbind-values-reader", "--serviceaccount", f"{SHOP}:{account}")
        self.cluster.kubectl("create", "rolebinding", f"values-{account}", "-n", SHOP, *role)

    def run_token_holder(self, name: str, binding: str) -> None:
        """A pod that shows the token which the kubelet projects for an agent, here in our hands."""
        container = {
            "name": "web",
            "image": OURS,
            "imagePullPolicy": "Never",
            "command": ["python3", "-uc", "print(open('/token/token').read()); import time; time.sleep(600)"],
            "args": [],
            "volumeMounts": [{"name": "token", "mountPath": "/token"}],
        }
        source = {"serviceAccountToken": {"audience": "vaultbind", "expirationSeconds": 600, "path": "token"}}
        volumes = [{"name": "token", "projected": {"sources": [source]}}]
        self.run_probe(name, annotations={"bindings": binding}, container=container, volumes=volumes)

    def token_of(self, pod: str) -> str:
        """What that pod has shown."""
        done = self.cluster.kubectl("-n", SHOP, "logs", pod, "-c", "web", check=False)
        return done.stdout.strip() if done.returncode == 0 else ""

    def ask_broker(self, token: str, binding: str) -> int:
        """Status of the broker's answer, asked from the vault's pod: a token is all that counts."""
        url = f"https://vaultbind-broker.{NAMESPACE}.svc:8443/v1/values/{binding}"
        return int(self.in_vault("python3", "-c", ASK, url, token))

    def empty_shop(self) -> None:
        """Remove all that tests have made in the applications' namespace, with no operator's help."""
        for kinds in ("jobs,deployments,pods", "vaultbindings,cryptojobs", "secrets,rolebindings"):
            self.cluster.kubectl("-n", SHOP, "delete", kinds, "--all", "--wait=false", "--ignore-not-found")
        self.installation.until(
            lambda: self.installation.is_gone("pods,vaultbindings,cryptojobs", "-n", SHOP),
            "something is stuck",
        )

    def remove_release(self) -> None:
        """Leave the cluster as it was before the chart."""
        with contextlib.suppress(AssertionError):  # a test may have uninstalled it
            self.installation.uninstall()
        crds = ("crd,clusterrole,clusterrolebinding", "-l", "app.kubernetes.io/part-of=vaultbind")
        for what in (crds, ("namespace", NAMESPACE)):
            self.cluster.kubectl("delete", *what, "--wait=false", "--ignore-not-found")
            self.installation.until(lambda what=what: self.installation.is_gone(*what), f"{what} is stuck")  # type: ignore[misc]

    def is_stored(self, value: str) -> bool:
        """Whether etcd holds a value anywhere, as it is or in base64."""
        wanted = (value.encode(), base64.b64encode(value.encode()))
        return any(form in stored for stored in self.cluster.stored() for form in wanted)

    def until(self, condition: Callable[[], bool], what: str | Callable[[], str]) -> float:
        """Wait for something that must come; return the seconds that took."""
        begun = time.monotonic()
        while not condition():
            if time.monotonic() - begun > SECONDS:
                raise AssertionError(what if isinstance(what, str) else what())
            time.sleep(0.2)
        return time.monotonic() - begun


def render_spec(
    *arguments: str, container: Mapping[str, Any] | None = None, restart: str = "Always", **spec: Any
) -> dict[str, Any]:
    """Spec of a pod of the probe."""
    web = {
        "name": "web",
        "image": PROBE,
        "imagePullPolicy": "Never",
        "args": list(arguments),
        "securityContext": CONTAINER,
        **(container or {}),
    }
    return {
        "serviceAccountName": "default",
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 2,
        "restartPolicy": restart,
        "securityContext": RESTRICTED,
        "containers": [web],
        **spec,
    }


def render_opt_in(annotations: Mapping[str, str] | None) -> dict[str, Any]:
    """Label and annotations of a pod that wants values."""
    if annotations is None:
        return {}
    given = {f"vaultbind.dev/{name.replace('_', '-')}": value for name, value in annotations.items()}
    return {"labels": {"vaultbind.dev/inject": "true"}, "annotations": given}


def render_seed(token: str, issuer: Mapping[str, Any]) -> str:
    """Vaults, and who gets tokens for them: the operator, the tests, and pods of one ServiceAccount.

    `issuer` is the cluster's, with its public keys.
    """
    subject = f"system:serviceaccount:{SHOP}:{FEDERATED}"
    federated = {**issuer, "subject": subject}
    clients = {"operator": token, "tests": token, WORKLOAD: {"federated": [federated]}}
    return json.dumps({"vaults": VAULTS, "clients": clients})


def render_vault(token: str, issuer: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The emulator's pod, Service and Secret."""
    metadata = {"namespace": VAULT_NAMESPACE}
    mounts = [{"name": "certs", "mountPath": "/certs"}, {"name": "seed", "mountPath": "/seed"}]
    container = {
        "name": "emulator",
        "image": OURS,
        "imagePullPolicy": "Never",
        "args": [
            *("emulator", "--host", "0.0.0.0", "--allow-non-loopback", "--name", HOST),
            *("--ca-file", "/certs/ca.pem", "--seed", "/seed/seed.yaml"),
        ],
        "env": [
            {
                "name": "VAULTBIND_EMULATOR_TOKEN",
                "valueFrom": {"secretKeyRef": {"name": "credentials", "key": "secret"}},
            }
        ],
        "readinessProbe": {"tcpSocket": {"port": 8443}, "periodSeconds": 1},
        "volumeMounts": mounts,
        "securityContext": CONTAINER,
    }
    volumes = [
        {"name": "certs", "emptyDir": {"medium": "Memory"}},
        {"name": "seed", "secret": {"secretName": "credentials"}},
    ]
    return [
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {**metadata, "name": "credentials"},
            "stringData": {"secret": token, "seed.yaml": render_seed(token, issuer)},
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {**metadata, "name": "shop"},
            "spec": {"selector": {"app": "vault"}, "ports": [{"port": 8443}]},
        },
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {**metadata, "name": "shop", "labels": {"app": "vault"}},
            "spec": {
                "securityContext": {**RESTRICTED, "fsGroup": 65532},
                "containers": [container],
                "volumes": volumes,
            },
        },
    ]
