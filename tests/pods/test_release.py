"""The chart on a real node: from `helm install` to `helm uninstall`, with pods that use what it brings."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.chart.release import NAMESPACE
from tests.pods.stage import SHOP, PodStage, render_spec

pytestmark = pytest.mark.timeout(1200)
WAIT = ("--wait", "--timeout", "150s")


@pytest.fixture(scope="module", autouse=True)
def release(stage: PodStage) -> Iterator[None]:
    """The chart, installed as its pages say; the last test uninstalls it."""
    stage.installation.install(*WAIT, **stage.values())
    yield
    stage.remove_release()


def test_a_binding_becomes_a_secret_that_a_pod_reads_and_follows(stage: PodStage) -> None:
    stage.bind("shop-db")
    volume = {"name": "s", "secret": {"secretName": "shop-db"}}
    mounts = [{"name": "s", "mountPath": "/secret", "readOnly": True}]
    variable = {"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "shop-db", "key": "PASSWORD"}}}
    stage.run_probe(
        *("reader", "-env", "PASSWORD", "-file", "/secret/PASSWORD"),
        container={"volumeMounts": mounts, "env": [variable]},
        volumes=[volume],
    )
    stage.wait_says("reader", 'env PASSWORD="first-value" true')
    stage.wait_says("reader", 'file /secret/PASSWORD="first-value"')

    stage.set_secret("password", "second-value")
    stage.wait_says("reader", 'file /secret/PASSWORD="second-value"')


def test_a_rollout_restarts_what_has_the_value_in_a_variable(stage: PodStage) -> None:
    stage.set_secret("rolled", "old")
    restart = [{"kind": "Deployment", "name": "web"}]
    stage.bind("rolled", "rolled", rollout={"restart": restart})
    variable = {"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "rolled", "key": "PASSWORD"}}}
    template = {
        "metadata": {"labels": {"app": "web"}},
        "spec": render_spec("-env", "PASSWORD", container={"env": [variable]}),
    }
    spec = {"selector": {"matchLabels": {"app": "web"}}, "template": template}
    stage.until(lambda: stage.secret("rolled") == "old", "no Secret")
    stage.apply("apps/v1", "Deployment", "web", spec=spec)
    kubectl = stage.cluster.kubectl
    kubectl("-n", SHOP, "rollout", "status", "deployment/web", "--timeout=150s")

    stage.set_secret("rolled", "new")

    def is_new() -> bool:
        told = kubectl("-n", SHOP, "logs", "-l", "app=web", "--tail=5", check=False).stdout
        return 'env PASSWORD="new" true' in told

    stage.until(is_new, "the Deployment was not restarted")


def test_a_cryptojob_signs(stage: PodStage) -> None:
    spec = {
        "key": {"name": "release-signing"},
        "operation": "Sign",
        "algorithm": "ES256",
        "input": {"text": "release 1"},
        "output": {"status": {}},
    }
    stage.apply("vaultbind.dev/v1alpha1", "CryptoJob", "sign", spec=spec)
    kubectl = stage.cluster.kubectl
    kubectl("-n", SHOP, "wait", "--for=condition=Complete", "cryptojob/sign", "--timeout=150s")
    assert stage.installation.get("cryptojob", "sign", "-n", SHOP)["status"]["result"]


def test_a_leader_that_is_killed_is_replaced_and_nothing_is_lost(stage: PodStage) -> None:
    stage.set_secret("kept", "before")
    stage.bind("kept", "kept")
    stage.until(lambda: stage.secret("kept") == "before", "no Secret")
    leader = stage.settled_leader()

    stage.cluster.kubectl("-n", NAMESPACE, "delete", "pod", leader, "--grace-period=0", "--force")
    stage.set_secret("kept", "after")

    seconds = stage.until(lambda: stage.leader() not in ("", leader), "nobody took over")
    stage.until(lambda: stage.secret("kept") == "after", "the change was lost")
    assert seconds < 15 + 45, (
        "the Lease, and what pods and kubectl take; its own bound is measured without them"
    )
    kubectl = stage.cluster.kubectl
    kubectl("-n", NAMESPACE, "rollout", "status", "deployment/vaultbind", "--timeout=150s")


def test_an_upgrade_under_load_loses_nothing(stage: PodStage) -> None:
    """Values change while the pods are replaced; the Secret is there all the time."""
    stage.set_secret("busy", "0")
    stage.bind("busy", "busy")
    stage.until(lambda: stage.secret("busy") == "0", "no Secret")
    first = stage.settled_leader()
    seen: list[str] = []
    values: dict[str, Any] = {**stage.values(), "log": {"format": "json", "level": "debug"}}
    with ThreadPoolExecutor() as pool:
        changing = pool.submit(stage.set_secret, "busy", *map(str, range(1, 101)))
        upgrading = pool.submit(stage.installation.upgrade, *WAIT, **values)
        while not (changing.done() and upgrading.done()):
            seen.append(stage.secret("busy"))
        changing.result()
        upgrading.result()
    assert "" not in seen, "the Secret was away"
    assert [int(value) for value in seen] == sorted(map(int, seen))
    stage.until(lambda: stage.secret("busy") == "100", "the last change was lost")
    assert stage.settled_leader() != first


def test_a_rollback_brings_the_former_pods_and_loses_nothing(stage: PodStage) -> None:
    """Back to the revision before, as `docs/operate.md` says it; a value changes meanwhile."""
    assert "--log-level=debug" in stage.installation.flags(), "nothing to go back from"
    with ThreadPoolExecutor() as pool:
        changing = pool.submit(stage.set_secret, "busy", *map(str, range(101, 131)))
        stage.installation.rollback(*WAIT)
        changing.result()
    assert "--log-level=debug" not in stage.installation.flags()
    stage.until(lambda: stage.secret("busy") == "130", "the last change was lost")


def test_the_pods_keep_what_the_chart_promises(stage: PodStage) -> None:
    """Restricted, within the limits, no restarts: seen on the node, not in a template."""
    found = stage.installation.get("pods", "-n", NAMESPACE, "-l", "app.kubernetes.io/name=vaultbind")
    statuses = [status for pod in found["items"] for status in pod["status"]["containerStatuses"]]
    assert [status["restartCount"] for status in statuses] == [0] * len(statuses)
    assert len(statuses) >= 2
    read = "print(open('/proc/1/status').read())"
    leader = stage.settled_leader()
    told = stage.cluster.kubectl("-n", NAMESPACE, "exec", leader, "--", "python3", "-c", read).stdout
    facts = dict(line.split(":", 1) for line in told.splitlines() if ":" in line)
    assert facts["Uid"].split() == ["65532"] * 4
    assert int(facts["CapEff"], 16) == 0
    assert (facts["NoNewPrivs"].strip(), facts["Seccomp"].strip()) == ("1", "2")
    label = "pod-security.kubernetes.io/enforce=restricted"
    told = stage.cluster.kubectl("label", "namespace", NAMESPACE, label, "--dry-run=server").stdout
    assert "Warning" not in told


def test_an_uninstall_leaves_secrets_pods_and_kinds(stage: PodStage) -> None:
    """With no operator any more: nothing waits for one."""
    stage.installation.uninstall()
    kinds = {
        name for name in stage.installation.objects() if not name.startswith("CustomResourceDefinition/")
    }
    assert kinds == set()
    assert stage.secret("shop-db") == "second-value"
    assert stage.says("reader", "second-value")
    stage.installation.until(
        lambda: stage.installation.is_gone("pods", "-n", NAMESPACE), "pods of the release are left"
    )
    stage.empty_shop()
    assert not stage.exists("secret/shop-db")
