"""Each value, down to the last, changes what is rendered, and takes nothing of another form."""

import re
from copy import deepcopy
from typing import Any

import pytest

from tests.chart.release import CHART, NAMESPACE, Helm, HelmError
from tools.gen_chart import VALUES, read_values

PATHS = [value.path for value in read_values(VALUES.read_text())]
TENANT = "00000000-0000-0000-0000-00000000cafe"
VAULT: dict[str, Any] = {"url": "https://a.vault.azure.net", "access": [{"namespaces": {"all": True}}]}
SMALL: dict[str, Any] = {"limits": {"memory": "77Mi"}}
ON: dict[str, Any] = {
    "rollouts": {"enabled": True},
    "events": {
        "webhook": True,
        "secret": {"name": "a", "key": "b"},
        "entra": {"tenant": TENANT, "audiences": ["api://a"]},
    },
    "serviceMonitor": {"enabled": True},
    "prometheusRule": {"enabled": True},
    "dashboard": {"enabled": True},
    "networkPolicy": {"enabled": True},
    "injection": {"enabled": True, "broker": {"enabled": True}, "podAuth": {"enabled": True}},
}
"""All that can be switched on together: a value of something that is off has nothing to change."""
PULLING: dict[str, Any] = {
    **ON,
    "events": {
        "pull": {"endpoint": "https://n.eventgrid.azure.net", "topic": "t", "subscription": "s"},
    },
}
NAMESPACED: dict[str, Any] = {"scope": "Namespaces"}
OTHER: dict[str, Any] = {
    "nameOverride": "x",
    "fullnameOverride": "x",
    "namespaces": ["x"],
    "scope": "Namespaces",
    "image.repository": "r/x",
    "image.tag": "x",
    "image.digest": "sha256:" + "0" * 64,
    "image.pullPolicy": "Always",
    "imagePullSecrets": [{"name": "x"}],
    "driftDetection": "Get",
    "rollouts.enabled": False,
    "rollouts.perMinute": 3,
    "crds.install": False,
    "crds.keep": False,
    "defaultVault": VAULT,
    "allowedVaultSuffixes": [".x"],
    "allowedAuthorityHosts": ["x"],
    "ambientCredentialsForNamespaced": True,
    "staleAfter": "7m",
    "log.format": "text",
    "log.level": "error",
    "workloadIdentity.clientId": "x",
    "workloadIdentity.tenantId": "x",
    "serviceAccount.name": "x",
    "serviceAccount.annotations": {"x": "z"},
    "rbac.create": False,
    "rbac.aggregate": False,
    "rbac.serviceAccountTokens": ["x"],
    "replicas": 3,
    "resources": SMALL,
    "priorityClassName": "x",
    "terminationGracePeriodSeconds": 61,
    "podDisruptionBudget.enabled": False,
    "topologySpreadConstraints": [],
    "nodeSelector": {"x": "z"},
    "affinity": {"nodeAffinity": {}},
    "tolerations": [{"operator": "Exists"}],
    "podLabels": {"x": "z"},
    "podAnnotations": {"x": "z"},
    "extraArgs": ["--log-level=error"],
    "extraEnv": [{"name": "X", "value": "z"}],
    "extraVolumes": [{"name": "x", "emptyDir": {}}],
    "extraVolumeMounts": [{"name": "tmp", "mountPath": "/x"}],
    "cloudEvents.sink": "https://x.example",
    "events.webhook": False,
    "events.secret": {"name": "x", "key": "z"},
    "events.entra.tenant": TENANT.replace("cafe", "beef"),
    "events.entra.audiences": ["api://x"],
    "events.entra.senders": ["x"],
    "events.entra.authority": "https://login.microsoftonline.us",
    "events.pull.endpoint": "https://x.eventgrid.azure.net",
    "events.pull.topic": "x",
    "events.pull.subscription": "x",
    "rotationHandlers": ["x:y"],
    "serviceMonitor.enabled": False,
    "serviceMonitor.interval": "7s",
    "serviceMonitor.labels": {"x": "z"},
    "prometheusRule.enabled": False,
    "prometheusRule.labels": {"x": "z"},
    "prometheusRule.alertLabels": {"x": "z"},
    "prometheusRule.runbooks": "https://x.example",
    "dashboard.enabled": False,
    "dashboard.labels": {"x": "z"},
    "dashboard.annotations": {"x": "z"},
    "networkPolicy.enabled": False,
    "networkPolicy.metricsFrom": [{"namespaceSelector": {}}],
    "networkPolicy.apiServerPorts": [77],
    "networkPolicy.apiServerFrom": [{"ipBlock": {"cidr": "10.0.0.7/32"}}],
    "networkPolicy.extraEgress": [{"ports": [{"port": 77}]}],
    "injection.enabled": False,
    "injection.replicas": 7,
    "injection.resources": SMALL,
    "injection.excludedNamespaces": ["x"],
    "injection.envFiles": "off",
    "injection.certManagerIssuer": {"kind": "Issuer", "name": "x"},
    "injection.agent.memoryLimit": "77Mi",
    "injection.agent.deadlineSeconds": 77,
    "injection.podAuth.enabled": False,
    "injection.podAuth.audience": "api://x",
    "injection.podAuth.memoryLimit": "77Mi",
    "injection.broker.enabled": False,
    "injection.broker.replicas": 7,
    "injection.broker.resources": SMALL,
    "injection.broker.workloadIdentityClientId": "x",
    "injection.broker.credentialSecrets": [{"namespace": "x", "name": "z"}],
    "extraObjects": ["kind: ConfigMap\napiVersion: v1\nmetadata: {name: x}"],
    "serviceAccount.create": False,
    "cloudEvents.tokenSecret": {"name": "x", "key": "z"},
}
"""Another value than the default and than that of the context."""
NEEDS: dict[str, dict[str, Any]] = {
    "namespaces": NAMESPACED,
    "scope": {},
    "workloadIdentity.tenantId": {**ON, "workloadIdentity": {"clientId": "c"}},
    "cloudEvents.tokenSecret": {**ON, "cloudEvents": {"sink": "https://s.example"}},
    "serviceAccount.create": {**ON, "serviceAccount": {"name": "mine"}},
    **{path: PULLING for path in PATHS if path.startswith("events.pull.")},
}
"""Contexts other than ON."""


def put(values: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy of values with one more."""
    found = deepcopy(values)
    place = found
    *above, name = path.split(".")
    for part in above:
        place = place.setdefault(part, {})
    place[name] = value
    return found


def render(helm: Helm, values: dict[str, Any]) -> str:
    return helm.run("template", "vaultbind", str(CHART), "--namespace", NAMESPACE, values=values)


@pytest.fixture(scope="module")
def rendered(helm: Helm) -> dict[str, str]:
    """What each context gives, by its values."""
    contexts = {repr(values): values for values in (ON, *NEEDS.values())}
    return {name: render(helm, values) for name, values in contexts.items()}


def test_every_value_has_another() -> None:
    assert set(OTHER) == set(PATHS)


@pytest.mark.parametrize("path", PATHS)
def test_each_value_changes_what_is_rendered(helm: Helm, rendered: dict[str, str], path: str) -> None:
    context = NEEDS.get(path, ON)
    assert render(helm, put(context, path, OTHER[path])) != rendered[repr(context)]


def test_no_value_takes_what_has_another_form(helm: Helm) -> None:
    """All at once: the schema's complaints name each place."""
    wrong: dict[str, Any] = {}
    for path in PATHS:
        is_map = isinstance(OTHER[path], dict)
        wrong = put(wrong, path, ["no", "such"] if is_map else {"no": "such"})
    with pytest.raises(HelmError) as refused:
        render(helm, wrong)
    told = {place.replace("/", ".") for place in re.findall(r"at '/([^']+)'", str(refused.value))}
    assert set(PATHS) - told == set()
