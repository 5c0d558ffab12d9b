"""Each way of following the vault, and pods of unusual shape, on a real node."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.pods.stage import CONTAINER, RESTRICTED, SHOP, PodStage, render_opt_in, render_spec
from tests.pods.test_injection import FILE, FOLLOWS, NONE, install_broker, opted

pytestmark = pytest.mark.timeout(1200)
OPENSHIFT_USER = 1_000_650_000
"""As a namespace's range gives it: no account of that number is in any image."""


@pytest.fixture(scope="module", autouse=True)
def release(stage: PodStage) -> Iterator[None]:
    """The chart with webhook and broker, and a binding without a Secret."""
    yield from install_broker(stage)


def agents(stage: PodStage, pod: str) -> dict[str, Any]:
    """Our containers of a pod, by name."""
    found = stage.installation.get("pod", pod, "-n", SHOP)["spec"].get("initContainers", [])
    return {item["name"]: item for item in found if item["name"].startswith("vaultbind-")}


def test_off_stays_on_follows_within_its_minute(stage: PodStage) -> None:
    """A native sidecar is there only where something is to be refreshed."""
    stage.set_secret("switched", "one")
    stage.bind("switched", "switched", target=NONE)
    path = FILE.replace("/inject/", "/switched/")
    for refresh in ("off", "on"):
        annotations = {"bindings": "switched", "refresh": refresh}
        stage.run_probe(refresh, "-file", path, annotations=annotations)
    for refresh in ("off", "on"):
        stage.wait_says(refresh, f'file {path}="one"')
    stage.set_secret("switched", "two")

    assert set(agents(stage, "off")) == {"vaultbind-agent"}
    assert agents(stage, "on")["vaultbind-refresh"]["restartPolicy"] == "Always"
    assert stage.peak_kb("on", "vaultbind-refresh") < 24 * 1024
    seconds = stage.until(lambda: stage.says("on", f'file {path}="two"'), "it does not follow")
    assert seconds < 60 + FOLLOWS
    assert not stage.says("off", "two")


def test_a_restart_brings_new_variables_into_the_same_pod(stage: PodStage) -> None:
    """The kubelet reads the env file anew when a container starts."""
    stage.set_secret("restarting", "one")
    stage.bind("restarting", "restarting", target=NONE)
    annotations = {"bindings": "restarting", "mode": "env", "refresh": "5s", "on-change": "restart"}
    stage.run_probe("restarting", "-env", "PASSWORD", annotations=annotations, shareProcessNamespace=True)
    stage.wait_says("restarting", 'env PASSWORD="one" true')
    stage.set_secret("restarting", "two")

    stage.wait_says("restarting", 'env PASSWORD="two" true')
    (status,) = stage.installation.get("pod", "restarting", "-n", SHOP)["status"]["containerStatuses"]
    assert status["restartCount"] == 1
    assert status["lastState"]["terminated"]["exitCode"] == 0


SHAPES: dict[str, dict[str, Any]] = {
    "a read-only root": {"container": {"securityContext": {**CONTAINER, "readOnlyRootFilesystem": True}}},
    "a user that no image knows": {"securityContext": {**RESTRICTED, "runAsUser": OPENSHIFT_USER}},
    "a group for volumes": {"securityContext": {**RESTRICTED, "fsGroup": 2000}},
    "a user of the container's own": {
        "container": {"securityContext": {**CONTAINER, "runAsUser": 1234, "runAsGroup": 1234}}
    },
    "the host's processes hidden, no service links": {"enableServiceLinks": False, "hostname": "shop"},
}


@pytest.mark.parametrize("number", range(len(SHAPES)), ids=SHAPES)
def test_shapes_of_pods(stage: PodStage, number: int) -> None:
    """Readable for the owner alone: the agent writes as the user that reads."""
    name, spec = f"shape-{number}", list(SHAPES.values())[number]
    annotations = opted(mode="both", **{"file-mode": "0400"})
    stage.run_probe(name, "-env", "PASSWORD", "-file", FILE, annotations=annotations, **spec)

    stage.wait_says(name, f'file {FILE}="s3cr3t-value"')
    assert stage.says(name, 'env PASSWORD="s3cr3t-value" true')


def test_an_optional_key_that_cannot_be_carried_is_left_out(stage: PodStage) -> None:
    data = [
        {"key": "PASSWORD", "secret": {"name": "injected"}},
        {"key": "QUOTED", "optional": True, "secret": {"name": "quoted"}},
    ]
    stage.bind("partly", data=data, target=NONE)
    stage.run_probe("partly", "-env", "PASSWORD,QUOTED", annotations={"bindings": "partly", "mode": "env"})

    stage.wait_says("partly", 'env PASSWORD="s3cr3t-value" true')
    assert stage.says("partly", 'env QUOTED="" false')
    told = stage.cluster.kubectl("-n", SHOP, "logs", "partly", "-c", "vaultbind-agent").stdout
    assert "variable left out: QUOTED: it holds a single quote" in told


def test_an_init_container_by_name_and_a_cronjob(stage: PodStage) -> None:
    """What runs once gets its values, and ends."""
    pod = render_spec("-once", "-env", "PASSWORD", restart="Never")
    (web,) = pod["containers"]
    pod |= {"initContainers": [web], "containers": [{**web, "name": "after"}]}
    template = {"metadata": render_opt_in(opted(mode="env", containers="web")), "spec": pod}
    spec = {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": {"template": template, "backoffLimit": 0}}}
    stage.apply("batch/v1", "CronJob", "yearly", spec=spec)
    kubectl = stage.cluster.kubectl
    kubectl("-n", SHOP, "create", "job", "by-hand", "--from=cronjob/yearly")
    kubectl("-n", SHOP, "wait", "--for=condition=Complete", "job/by-hand", "--timeout=150s")

    told = kubectl("-n", SHOP, "logs", "job/by-hand", "-c", "web").stdout
    assert 'env PASSWORD="s3cr3t-value" true' in told
    kubectl("-n", SHOP, "delete", "cronjob", "yearly", "--wait=false")


def test_a_pod_that_is_refreshed_ends_with_its_own_containers(stage: PodStage) -> None:
    """A native sidecar keeps nothing from finishing, with or without a Job."""
    stage.run_probe("ending", "-once", "-file", FILE, annotations=opted(refresh="5s"), restart="Never")
    wait = ("wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/ending", "--timeout=150s")
    stage.cluster.kubectl("-n", SHOP, *wait)

    assert set(agents(stage, "ending")) == {"vaultbind-agent", "vaultbind-refresh"}
    assert stage.says("ending", f'file {FILE}="s3cr3t-value"')


def test_an_ephemeral_container_comes_to_an_injected_pod(stage: PodStage) -> None:
    """The webhook is not asked, and the debugger gets nothing of the pod's files."""
    stage.run_probe("debugged", "-file", FILE, annotations=opted())
    stage.wait_says("debugged", f'file {FILE}="s3cr3t-value"')
    image = stage.installation.get("pod", "debugged", "-n", SHOP)["spec"]["containers"][0]["image"]
    debug = ("debug", "debugged", "--image", image, "--image-pull-policy=Never", "--profile=restricted")
    kubectl = stage.cluster.kubectl
    kubectl("-n", SHOP, *debug, "-c", "look", "--", "/probe", "-file", FILE)

    logs = ("-n", SHOP, "logs", "debugged", "-c", "look")
    stage.until(lambda: "no file" in kubectl(*logs, check=False).stdout, lambda: stage.describe("debugged"))
    assert "s3cr3t-value" not in kubectl(*logs).stdout
