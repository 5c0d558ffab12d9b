"""Webhook, agent and broker on a real node: projected tokens, files in memory, variables."""

import json
from collections.abc import Iterator

import pytest

from tests.chart.release import NAMESPACE
from tests.pods.stage import SHOP, PodStage, render_opt_in, render_spec

pytestmark = pytest.mark.timeout(1200)
WAIT = ("--wait", "--timeout", "150s")
FILE = "/var/run/secrets/vaultbind/inject/PASSWORD"
CREDENTIALS = [{"namespace": "vault", "name": "credentials"}]
NONE = {"creationPolicy": "None"}
FOLLOWS = 5 + 5 + 40
"""Seconds for a value to arrive: the interval, the broker's memory, and what pods and kubectl take.

Less than a minute, which is the interval where none is given."""


@pytest.fixture(scope="module", autouse=True)
def release(stage: PodStage) -> Iterator[None]:
    """The chart with webhook and broker, a binding without a Secret, and the right to its values."""
    yield from install_broker(stage)


def install_broker(stage: PodStage) -> Iterator[None]:
    """Install it, and remove all at the end; for a fixture of each module."""
    broker = {"enabled": True, "credentialSecrets": CREDENTIALS}
    stage.installation.install(*WAIT, **stage.values(enabled=True, broker=broker))
    stage.set_secret("injected", "s3cr3t-value")
    stage.bind("inject", "injected", target=NONE)
    stage.grant("default")
    yield
    stage.empty_shop()
    stage.remove_release()


def opted(**annotations: str) -> dict[str, str]:
    return {"bindings": "inject", **annotations}


def test_files_without_a_secret_in_etcd(stage: PodStage) -> None:
    stage.run_probe("files", "-file", FILE, annotations=opted())
    stage.wait_says("files", f'file {FILE}="s3cr3t-value"')
    assert not stage.exists("secret/inject")
    assert not stage.is_stored("s3cr3t-value")


def test_the_search_of_etcd_finds_what_is_there(stage: PodStage) -> None:
    """The control of the test above."""
    stage.apply("v1", "Secret", "control", stringData={"PASSWORD": "something-stored"})
    assert stage.is_stored("something-stored")


def test_variables_without_a_secret_in_etcd(stage: PodStage) -> None:
    stage.run_probe("variables", "-env", "PASSWORD", annotations=opted(mode="env"))
    stage.wait_says("variables", 'env PASSWORD="s3cr3t-value" true')
    injected = stage.annotation("variables", "injected")
    assert json.loads(injected)["env"] == "file"
    assert not stage.is_stored("s3cr3t-value")


def test_both(stage: PodStage) -> None:
    stage.run_probe("both", "-env", "PASSWORD", "-file", FILE, annotations=opted(mode="both"))
    stage.wait_says("both", 'env PASSWORD="s3cr3t-value" true')
    stage.wait_says("both", f'file {FILE}="s3cr3t-value"')


def test_variables_of_a_binding_with_a_secret(stage: PodStage) -> None:
    stage.bind("stored", "injected-too")
    stage.set_secret("injected-too", "from a Secret")
    stage.until(lambda: stage.secret("stored") == "from a Secret", "no Secret")
    annotations = {"bindings": "stored", "mode": "env", "env-source": "secret"}
    stage.run_probe("secret-ref", "-env", "PASSWORD", annotations=annotations)
    stage.wait_says("secret-ref", 'env PASSWORD="from a Secret" true')


def test_a_refreshed_file_follows_the_vault_and_the_process_is_told(stage: PodStage) -> None:
    stage.set_secret("moving", "one")
    template = {"data": {"PASSWORD": "<{{ PASSWORD }}>"}}
    stage.bind("moving", "moving", target={**NONE, "template": template})
    path = FILE.replace("/inject/", "/moving/")
    annotations = {"bindings": "moving", "refresh": "5s", "on-change": "signal:SIGHUP:probe"}
    stage.run_probe("moving", "-file", path, annotations=annotations, shareProcessNamespace=True)
    stage.wait_says("moving", f'file {path}="<one>"')

    stage.set_secret("moving", "two")
    seconds = stage.until(lambda: stage.says("moving", f'file {path}="<two>"'), "it does not follow")
    stage.wait_says("moving", "signal hangup")
    assert seconds < FOLLOWS


def test_a_job_completes(stage: PodStage) -> None:
    template = {
        "metadata": render_opt_in(opted(mode="env", refresh="on")),
        "spec": render_spec("-once", "-env", "PASSWORD", restart="Never"),
    }
    stage.apply("batch/v1", "Job", "once", spec={"template": template, "backoffLimit": 0})
    kubectl = stage.cluster.kubectl
    kubectl("-n", SHOP, "wait", "--for=condition=Complete", "job/once", "--timeout=150s")
    assert 'env PASSWORD="s3cr3t-value" true' in kubectl("-n", SHOP, "logs", "job/once", "-c", "web").stdout


CARRIED = {
    "SPACES": " two  words ",
    "DOLLAR": "$HOME $(PASSWORD) ${X}",
    "DOUBLE": 'say "hi"',
    "COMMENT": "a # b",
    "EQUALS": "a=b==",
    "BACKSLASH": "a\\nb\\",
    "LINES": "first\nsecond\n\nlast",
    "NEWLINE": "ends with one\n",
    "LETTERS": "Grüße 🔑",
    "LONG": "x" * 20_000,
}
"""Values that the writer of env files lets pass; the kubelet's reader must agree to each letter."""


def test_the_kubelet_reads_what_the_agent_wrote(stage: PodStage) -> None:
    names = {key: f"carried-{key.lower()}" for key in CARRIED}
    for key, name in names.items():
        stage.set_secret(name, CARRIED[key])
    data = [{"key": key, "secret": {"name": name}} for key, name in names.items()]
    stage.bind("carried", data=data, target=NONE)
    stage.wait_ready("carried")
    wanted = ",".join(CARRIED)
    stage.run_probe("carried", "-env", wanted, annotations={"bindings": "carried", "mode": "env"})
    stage.wait_says("carried", "env LONG=")
    told = stage.cluster.kubectl("-n", SHOP, "logs", "carried", "-c", "web").stdout.splitlines()
    expected = [f"env {key}={json.dumps(text, ensure_ascii=False)} true" for key, text in CARRIED.items()]
    assert told == expected


def test_a_rollout_restarts_pods_that_no_secret_serves(stage: PodStage) -> None:
    stage.set_secret("rolled-in", "old")
    rollout = {"restart": [{"kind": "Deployment", "name": "served"}]}
    stage.bind("rolled-in", "rolled-in", target=NONE, rollout=rollout)
    opt_in = render_opt_in({"bindings": "rolled-in", "mode": "env"})
    labels = {**opt_in["labels"], "app": "served"}
    template = {"metadata": {**opt_in, "labels": labels}, "spec": render_spec("-env", "PASSWORD")}
    selector = {"matchLabels": {"app": "served"}}
    stage.wait_ready("rolled-in")
    stage.apply("apps/v1", "Deployment", "served", spec={"selector": selector, "template": template})
    stage.wait_says("deployment/served", 'env PASSWORD="old" true')

    stage.set_secret("rolled-in", "new")
    stage.wait_says("deployment/served", 'env PASSWORD="new" true')


def test_a_value_that_no_env_file_carries_stops_the_pod_and_names_the_key(stage: PodStage) -> None:
    """The same kubelet that would refuse the file."""
    stage.bind("quoted", "quoted", target=NONE)
    stage.run_probe("quoted", "-env", "PASSWORD", annotations={"bindings": "quoted", "mode": "env"})
    stage.until(lambda: "PASSWORD" in stage.terminated("quoted"), lambda: stage.describe("quoted"))
    message = stage.terminated("quoted")
    assert "single quote" in message
    assert "env-source" in message
    assert not stage.says("quoted", "env")


def test_without_the_right_the_pod_says_which_command_helps(stage: PodStage) -> None:
    stage.apply("v1", "ServiceAccount", "stranger")
    stage.run_probe("stranger", "-file", FILE, annotations=opted(), serviceAccountName="stranger")
    wanted = "--clusterrole vaultbind-values-reader"
    stage.until(lambda: wanted in stage.terminated("stranger"), lambda: stage.describe("stranger"))
    assert "stranger" in stage.terminated("stranger")

    stage.grant("stranger")
    stage.wait_says("stranger", f'file {FILE}="s3cr3t-value"')


def test_a_token_of_a_pod_that_is_gone_opens_nothing(stage: PodStage) -> None:
    """The kubelet's own projected token, used before and after the pod's end."""
    stage.run_token_holder("holder", "inject")
    stage.until(lambda: stage.token_of("holder") != "", lambda: stage.describe("holder"))
    token = stage.token_of("holder")
    assert stage.ask_broker(token, "inject") == 200
    assert stage.ask_broker(token, "shop-db") in (403, 404)
    stage.cluster.kubectl("-n", SHOP, "delete", "pod", "holder", "--grace-period=0", "--force")
    stage.until(lambda: not stage.exists("pod/holder"), "it does not go")
    stage.until(lambda: stage.ask_broker(token, "inject") in (401, 403), "the token is still good")


def test_a_mistake_is_refused_by_name(stage: PodStage) -> None:
    told = stage.run_probe("wrong", annotations=opted(mode="file"), check=False)
    assert "vaultbind.dev/mode" in told
    assert not stage.exists("pod/wrong")


def test_without_a_webhook_pods_that_ask_for_nothing_run(stage: PodStage) -> None:
    """failurePolicy Fail holds back who opted in, and nobody else."""
    kubectl = stage.cluster.kubectl
    kubectl("-n", NAMESPACE, "scale", "deployment/vaultbind-webhook", "--replicas=0")
    pods = ("pods", "-n", NAMESPACE, "-l", "app.kubernetes.io/component=webhook")
    stage.until(lambda: stage.installation.is_gone(*pods), "the webhook does not end")
    try:
        told = stage.run_probe("held-back", "-file", FILE, annotations=opted(), check=False)
        stage.run_probe("free", "-env", "NOTHING")
        stage.wait_says("free", 'env NOTHING="" false')
    finally:
        kubectl("-n", NAMESPACE, "scale", "deployment/vaultbind-webhook", "--replicas=2")
        kubectl("-n", NAMESPACE, "rollout", "status", "deployment/vaultbind-webhook", "--timeout=150s")
    assert 'failed calling webhook "inject.vaultbind.dev"' in told
    after = ("after", "-file", FILE)  # that a pod is ready the node's network learns a moment later
    stage.until(lambda: stage.run_probe(*after, annotations=opted(), check=False) == "", "it is held back")
    stage.wait_says("after", f'file {FILE}="s3cr3t-value"')


def test_no_log_holds_a_value(stage: PodStage) -> None:
    for component in ("controller", "webhook", "broker"):
        selector = f"app.kubernetes.io/component={component}"
        logs = ("-n", NAMESPACE, "logs", "-l", selector, "--tail=-1", "--prefix")
        told = stage.cluster.kubectl(*logs).stdout
        assert component == "controller" or told, component
        assert "s3cr3t-value" not in told
