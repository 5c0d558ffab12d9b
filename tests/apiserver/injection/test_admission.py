"""Real admission: the API server calls the real webhook process."""

import base64
import contextlib
import json
import signal
import socketserver
import ssl
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPException
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from tests.apiserver.injection.admission import (
    CHECKS,
    DRAIN_SECONDS,
    HOST,
    RULES,
    WEBHOOKS,
    Webhook,
    check_webhook,
    configure,
    new_authorities,
    pod_webhook,
    put_pair,
    running,
    serial_served,
    until,
)
from tests.unit.api.cases import LATER_BINDINGS
from tests.unit.injection.pods import make_pod
from tools.realcluster import Answer, RealCluster
from tools.realcluster.processes import free_ports
from vaultbind.injection.authority import Authorities
from vaultbind.injection.certificates import make_authority, make_serving


@dataclass(slots=True, kw_only=True)
class Stage:
    cluster: RealCluster
    namespace: str
    webhook: Webhook
    authorities: Authorities

    @property
    def pods(self) -> str:
        return f"/api/v1/namespaces/{self.namespace}/pods"

    def create(self, pod: dict[str, Any], query: str = "") -> Answer:
        return self.cluster.call("POST", f"{self.pods}{query}", pod)

    def bind(self, name: str, **spec: Any) -> Answer:
        body = {
            "apiVersion": "vaultbind.dev/v1alpha1",
            "kind": "VaultBinding",
            "metadata": {"name": name},
            "spec": spec,
        }
        path = f"/apis/vaultbind.dev/v1alpha1/namespaces/{self.namespace}/vaultbindings"
        return self.cluster.call("POST", path, body)

    def make_vault(self, url: str, query: str = "") -> Answer:
        body = {
            "apiVersion": "vaultbind.dev/v1alpha1",
            "kind": "KeyVault",
            "metadata": {"name": "kv"},
            "spec": {"url": url},
        }
        path = f"/apis/vaultbind.dev/v1alpha1/namespaces/{self.namespace}/keyvaults"
        return self.cluster.call("POST", f"{path}{query}", body)


BAD_URL = "https://shop.vault.azure.net:65536"
"""Of a vault that no rule of the schema finds fault with."""


@pytest.fixture(scope="module")
def place(apiserver: RealCluster) -> Iterator[str]:
    name = f"inject-{time.time_ns() % 10**9}"
    apiserver.call("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    yield name
    apiserver.call("DELETE", f"/api/v1/namespaces/{name}")


@pytest.fixture(scope="module")
def stage(apiserver: RealCluster, place: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("webhook")
    authorities = new_authorities()
    pair = make_serving(authorities.current, [HOST], datetime.now(UTC))
    put_pair(folder / "tls", pair, authorities.bundle())
    kubeconfig = apiserver.service_account_kubeconfig(place, "webhook", context_namespace=place)
    apiserver.grant(place, "webhook", RULES)
    wait_for_account(apiserver, place)
    with running(apiserver, kubeconfig, folder) as webhook:
        found = Stage(cluster=apiserver, namespace=place, webhook=webhook, authorities=authorities)
        bundle = authorities.bundle()
        configure(apiserver, WEBHOOKS, place, [pod_webhook(webhook.port, bundle, place)])
        checks = [
            check_webhook(webhook.port, bundle, place, plural)
            for plural in ("vaultbindings", "keyvaults", "cryptojobs")
        ]
        configure(apiserver, CHECKS, place, checks)
        wait_until_called(found)
        until(lambda: found.make_vault(BAD_URL, "?dryRun=All").status == 422)
        yield found
        for path in (WEBHOOKS, CHECKS):
            apiserver.call("DELETE", f"{path}/{place}")


def wait_for_account(cluster: RealCluster, namespace: str) -> None:
    """Pods need the ServiceAccount `default`, which a controller makes."""
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/default"
    until(lambda: cluster.call("GET", path).status == 200)


def wait_until_called(stage: Stage) -> None:
    """Wait until the API server asks about pods."""
    until(lambda: stage.create(make_pod(inject="nonsense"), "?dryRun=All").status == 400)


def test_a_pod_that_opts_in_gets_its_agent(stage: Stage) -> None:
    answer = stage.create(with_name(make_pod({"bindings": "a, b", "refresh": "30s"}), "opted-in"))

    assert answer.status == 201, answer.body
    spec = answer.body["spec"]
    assert [item["name"] for item in spec["initContainers"]] == ["vaultbind-agent", "vaultbind-refresh"]
    assert spec["initContainers"][0]["image"] == "vaultbind:test"
    told = {item["name"]: item.get("value") for item in spec["initContainers"][0]["env"]}
    assert told["VAULTBIND_BROKER_CA"] == stage.authorities.bundle().decode()
    mounts = [item["name"] for item in spec["containers"][0]["volumeMounts"]]
    assert "vaultbind-files" in mounts
    assert json.loads(answer.body["metadata"]["annotations"]["vaultbind.dev/injected"])["mode"] == "files"


def test_variables_come_from_an_env_file_that_this_server_keeps(stage: Stage) -> None:
    data = [{"key": "PASSWORD", "secret": {"name": "p"}}]
    assert stage.bind("shop-db", vaultRef={"name": "kv"}, data=data).status == 201

    answer = stage.create(with_name(make_pod({"mode": "env"}), "variables"))

    assert answer.status == 201, answer.body
    assert answer.body["spec"]["containers"][0]["env"] == [
        {
            "name": "PASSWORD",
            "valueFrom": {
                "fileKeyRef": {
                    "volumeName": "vaultbind-env",
                    "path": "variables",
                    "key": "PASSWORD",
                    "optional": False,
                }
            },
        }
    ]


def with_name(pod: dict[str, Any], name: str) -> dict[str, Any]:
    return pod | {"metadata": {**pod["metadata"], "name": name}}


def test_a_dry_run_answers_the_same_and_leaves_nothing(stage: Stage) -> None:
    pod = with_name(make_pod(), "dry")
    dry = stage.create(pod, "?dryRun=All")

    assert dry.status == 201, dry.body
    assert dry.body["spec"]["initContainers"][0]["name"] == "vaultbind-agent"
    assert stage.cluster.call("GET", f"{stage.pods}/dry").status == 404


def test_a_generated_name_is_fine(stage: Stage) -> None:
    pod = make_pod()
    del pod["metadata"]["name"]
    pod["metadata"]["generateName"] = "gen-"
    answer = stage.create(pod)

    assert answer.status == 201, answer.body
    assert answer.body["metadata"]["name"].startswith("gen-")
    assert answer.body["spec"]["initContainers"][0]["name"] == "vaultbind-agent"


def test_a_mistake_is_refused_with_its_name(stage: Stage) -> None:
    answer = stage.create(make_pod({"mode": "volume"}))

    assert answer.status == 400
    assert answer.body["message"] == (
        'admission webhook "inject.vaultbind.dev" denied the request: vaultbind: '
        "annotation vaultbind.dev/mode must be files, env or both"
    )


def test_a_missing_binding_is_named_where_its_keys_are_needed(stage: Stage) -> None:
    answer = stage.create(make_pod({"mode": "env", "bindings": "nowhere"}))

    assert "VaultBinding nowhere does not exist" in answer.body["message"]


def test_what_the_pod_becomes_passes_the_restricted_standard(stage: Stage) -> None:
    namespace = f"/api/v1/namespaces/{stage.namespace}"
    label = "pod-security.kubernetes.io/enforce"

    def enforce(standard: str | None, status: int) -> None:
        """Set it, and wait until a pod that does not meet it gets that answer."""
        change = {"metadata": {"labels": {label: standard}}}
        stage.cluster.call("PATCH", namespace, change, content_type="application/merge-patch+json")
        until(lambda: stage.create(make_pod(inject=None), "?dryRun=All").status == status)

    own = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    pod = make_pod({"refresh": "on"}, containers=[{"name": "web", "image": "w", "securityContext": own}])
    try:
        enforce("restricted", 403)
        answer = stage.create(pod, "?dryRun=All")
    finally:
        enforce(None, 201)

    assert answer.status == 201, answer.body


def test_a_mistake_that_no_rule_of_the_schema_can_name_is_refused_at_once(stage: Stage) -> None:
    answer = stage.make_vault(BAD_URL)

    assert answer.status == 422, answer
    assert "vaultbind: spec.url" in answer.body["message"]


def test_a_template_that_is_none_is_refused_at_once(stage: Stage) -> None:
    path = f"/apis/vaultbind.dev/v1alpha1/namespaces/{stage.namespace}/vaultbindings"
    template = {"data": {"app.conf": "[db]\npassword = {{ passwrd }}\n"}}
    spec = {
        "data": [{"key": "password", "secret": {"name": "password"}}],
        "target": {"template": template},
    }
    body = {
        "apiVersion": "vaultbind.dev/v1alpha1",
        "kind": "VaultBinding",
        "metadata": {"name": "typo"},
        "spec": spec,
    }
    answer = stage.cluster.call("POST", path, body)

    assert answer.status == 422, answer
    told = (
        "vaultbind: spec.target.template.data[app.conf]: line 2: no key of data or dataFrom is called passwrd"
    )
    assert told in answer.body["message"]


def test_a_job_that_its_keyvault_does_not_allow_is_refused_at_once(stage: Stage) -> None:
    """The operator refuses it as well: tests/flow/test_cryptojob_permission.py."""
    base = f"/apis/vaultbind.dev/v1alpha1/namespaces/{stage.namespace}"

    def make(kind: str, plural: str, name: str, spec: dict[str, Any]) -> Answer:
        body = {
            "apiVersion": "vaultbind.dev/v1alpha1",
            "kind": kind,
            "metadata": {"name": name},
            "spec": spec,
        }
        return stage.cluster.call("POST", f"{base}/{plural}", body)

    crypto = {"allowedKeys": ["ci-*"], "allowedOperations": ["Sign"]}
    spec = {"url": "https://shop.vault.azure.net", "crypto": crypto}
    assert make("KeyVault", "keyvaults", "signing", spec).status == 201
    answers = {
        key: make(
            "CryptoJob",
            "cryptojobs",
            f"job-{key}",
            {
                "vaultRef": {"name": "signing"},
                "key": {"name": key},
                "operation": "Sign",
                "input": {"text": "a"},
            },
        )
        for key in ("ci-release", "other")
    }

    assert answers["ci-release"].status == 201, answers["ci-release"].body
    assert answers["other"].status == 422, answers["other"]
    assert "vaultbind: Sign with key other is not allowed" in answers["other"].body["message"]
    suspended = stage.cluster.call(
        "PATCH",
        f"{base}/cryptojobs/job-ci-release",
        {"spec": {"suspend": True}},
        content_type="application/merge-patch+json",
    )
    assert suspended.status == 200, suspended.body  # a change is never refused for that


def test_a_field_of_a_later_release_is_warned_of(stage: Stage) -> None:
    manifest = {
        "apiVersion": "vaultbind.dev/v1alpha1",
        "kind": "VaultBinding",
        "metadata": {"name": "later", "namespace": stage.namespace},
        "spec": LATER_BINDINGS[0].spec,
    }
    done = stage.cluster.kubectl("apply", "-f", "-", input=json.dumps(manifest))

    assert f"Warning: vaultbind: {LATER_BINDINGS[0].path}: {LATER_BINDINGS[0].problem}" in done.stderr


MESHES: dict[str, tuple[list[dict[str, Any]], list[dict[str, Any]]]] = {
    "Istio": ([{"name": "istio-init", "image": "mesh"}], [{"name": "istio-proxy", "image": "mesh"}]),
    "Linkerd's native sidecar": (
        [
            {"name": "linkerd-init", "image": "mesh"},
            {"name": "linkerd-proxy", "image": "mesh", "restartPolicy": "Always"},
        ],
        [],
    ),
}
"""What the two put in front of all init containers, and behind all containers."""


@pytest.mark.parametrize("mesh", MESHES)
@pytest.mark.parametrize("order", ["aa", "zz"], ids=["before us", "after us"])
def test_another_webhook_that_changes_the_pod(stage: Stage, order: str, mesh: str) -> None:
    """Whoever comes first: our init containers are in front, the proxy gets nothing, nothing is there twice.

    A proxy that is added behind us is the reason why we are asked again.
    """
    with other_webhook(stage, order, MESHES[mesh]) as calls:
        answer = stage.create(with_name(make_pod({"refresh": "on"}), "meshed"), "?dryRun=All")
        assert calls

    assert answer.status == 201, answer.body
    spec = answer.body["spec"]
    before = [item["name"] for item in spec["initContainers"]]
    assert before[:2] == ["vaultbind-agent", "vaultbind-refresh"]
    first, last = ([item["name"] for item in part] for part in MESHES[mesh])
    assert before[2:] == first
    assert [item["name"] for item in spec["containers"]] == ["web", *last]
    for item in (*spec["initContainers"][2:], *spec["containers"]):
        assert ("vaultbind" in json.dumps(item)) is (item["name"] == "web")
    names = [item["name"] for item in spec["volumes"]]
    assert len(names) == len(set(names))


def test_an_ephemeral_container_is_no_matter_of_ours(stage: Stage) -> None:
    """Debugging an injected pod asks no webhook: only its creation does."""
    answer = stage.create(with_name(make_pod(), "debugged"))
    assert answer.status == 201, answer.body
    change = {"spec": {"ephemeralContainers": [{"name": "look", "image": "shop:1"}]}}
    path = f"{stage.pods}/debugged/ephemeralcontainers"
    answer = stage.cluster.call("PATCH", path, change, content_type="application/strategic-merge-patch+json")

    assert answer.status == 200, answer.body
    (added,) = answer.body["spec"]["ephemeralContainers"]
    assert "vaultbind" not in json.dumps(added)


@contextlib.contextmanager
def other_webhook(
    stage: Stage, order: str, parts: tuple[list[dict[str, Any]], list[dict[str, Any]]]
) -> Iterator[list[str]]:
    """A mesh that adds its proxy once; webhooks are called in the order of their configurations' names."""
    calls: list[str] = []

    def render(spec: dict[str, Any]) -> str:
        first = [*parts[0], *spec.get("initContainers", [])]
        last = [*spec["containers"], *parts[1]]
        patch = [
            {"op": "add", "path": "/spec/initContainers", "value": first},
            {"op": "add", "path": "/spec/containers", "value": last},
        ]
        return base64.b64encode(json.dumps(patch).encode()).decode()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            calls.append(review["request"]["uid"])
            response = {"uid": review["request"]["uid"], "allowed": True}
            spec = review["request"]["object"]["spec"]
            if "-proxy" not in json.dumps(spec):
                response |= {"patchType": "JSONPatch", "patch": render(spec)}
            body = json.dumps(
                {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}
            ).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = MeshServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(stage.webhook.tls / "tls.crt", stage.webhook.tls / "tls.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    port, name = server.server_address[1], f"{order}-{stage.namespace}"
    mesh = pod_webhook(port, stage.authorities.bundle(), stage.namespace, name="mesh.example.com")
    configure(stage.cluster, WEBHOOKS, name, [mesh])

    def is_called() -> bool:
        calls.clear()
        stage.create(make_pod(), "?dryRun=All")
        return bool(calls)

    try:
        until(is_called)
        calls.clear()
        yield calls
    finally:
        stage.cluster.call("DELETE", f"{WEBHOOKS}/{name}")
        until(lambda: not is_called())
        server.shutdown()
        thread.join()
        server.server_close()


class MeshServer(socketserver.ThreadingTCPServer):
    """A connection that nothing is asked on holds nobody up."""

    daemon_threads = True


def test_while_the_webhook_is_down_only_those_who_asked_for_it_are_refused(
    apiserver: RealCluster, apiserver_namespace: str
) -> None:
    wait_for_account(apiserver, apiserver_namespace)
    bundle = new_authorities().bundle()
    configure(
        apiserver, WEBHOOKS, apiserver_namespace, [pod_webhook(free_ports(1)[0], bundle, apiserver_namespace)]
    )
    path = f"/api/v1/namespaces/{apiserver_namespace}/pods"
    try:
        until(lambda: apiserver.call("POST", f"{path}?dryRun=All", make_pod()).status != 201)
        answer = apiserver.call("POST", f"{path}?dryRun=All", make_pod())
        assert answer.status == 500
        assert 'failed calling webhook "inject.vaultbind.dev"' in answer.body["message"]
        for value in (None, "false"):
            assert apiserver.call("POST", f"{path}?dryRun=All", make_pod(inject=value)).status == 201
    finally:
        apiserver.call("DELETE", f"{WEBHOOKS}/{apiserver_namespace}")


def test_certificates_change_under_load_without_one_failed_admission(stage: Stage) -> None:
    """A new certificate, then a new authority as the controller brings it: first trusted, then signing."""
    with loaded(stage) as results:
        renew(stage, stage.authorities, results)
        second = Authorities(
            current=make_authority(datetime.now(UTC)), previous=stage.authorities.current.certificate
        )
        trust(stage, second.bundle())
        renew(stage, second, results)

    assert set(results) == {"201"}


@contextlib.contextmanager
def loaded(stage: Stage) -> Iterator[list[str]]:
    """Let four create pods all the time; gives what they were told, as it comes."""
    stop = threading.Event()
    results: list[str] = []

    def load() -> None:
        while not stop.is_set():
            try:
                results.append(str(stage.create(make_pod(), "?dryRun=All").status))
            except (OSError, HTTPException) as error:
                results.append(repr(error))

    with ThreadPoolExecutor(4) as pool:
        workers = [pool.submit(load) for _ in range(4)]
        try:
            yield results
        finally:
            stop.set()
        for worker in workers:
            worker.result()


def renew(stage: Stage, authorities: Authorities, results: list[str]) -> None:
    """Bring a new certificate, wait until new connections are shown it, and for some load on it."""
    pair = make_serving(authorities.current, [HOST], datetime.now(UTC))
    put_pair(stage.webhook.tls, pair, authorities.bundle())
    serial = pair.parsed.serial_number
    until(lambda: serial_served(stage.webhook.port, authorities.bundle()) == serial)
    enough = len(results) + 50
    until(lambda: len(results) >= enough, lambda: results[-5:])


def trust(stage: Stage, bundle: bytes) -> None:
    """Let the API server trust both authorities, and wait until it does.

    Which it shows by a second webhook in the same change: pods of its label are refused, for nobody is there.
    """
    webhook = pod_webhook(stage.webhook.port, bundle, stage.namespace)
    mark = {"objectSelector": {"matchLabels": {"app": "marked"}}, "name": "mark.example.com"}
    change = {"webhooks": [webhook, pod_webhook(free_ports(1)[0], bundle, stage.namespace, **mark)]}
    path = f"{WEBHOOKS}/{stage.namespace}"
    answer = stage.cluster.call("PATCH", path, change, content_type="application/merge-patch+json")
    assert answer.status == 200
    marked = make_pod(inject=None)
    marked["metadata"]["labels"] = {"app": "marked"}
    until(lambda: stage.create(marked, "?dryRun=All").status != 201)


def test_a_webhook_that_is_stopped_answers_until_nobody_sends_any_more(stage: Stage) -> None:
    """SIGTERM in a rolling update: the probe fails at once, admission goes on for the time of --drain."""
    stage.webhook.process.send_signal(signal.SIGTERM)
    begun = time.monotonic()
    while stage.webhook.is_ready():
        assert time.monotonic() - begun < DRAIN_SECONDS, "it is ready until its end"
    assert stage.create(make_pod(), "?dryRun=All").status == 201
    assert stage.webhook.process.wait(120) == 0, stage.webhook.log.read_text()


def test_the_log_of_all_that_is_short_and_names_no_token(stage: Stage, tmp_path: Path) -> None:
    text = stage.webhook.log.read_text()

    assert "Traceback" not in text
    assert "eyJ" not in text
