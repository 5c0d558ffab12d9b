"""The broker's decisions without a cluster: limits, callers, values, answers."""

import asyncio
import logging
from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest

from tests.unit.injection.cluster import FakeCluster
from tests.unit.injection.pods import make_pod
from tests.unit.rendering.objects import secret_ref
from tests.unit.vaults.stage import FakeClock
from tests.unit.vaults.stage import Stage as VaultStage
from vaultbind.api.pod_values import KEEP_SECONDS
from vaultbind.engine.cache import ObjectCache
from vaultbind.injection import broker as server
from vaultbind.injection import values
from vaultbind.injection.broker import Broker
from vaultbind.injection.identity import Caller, CallerChecks, decide_pod, explain_right, parse_caller
from vaultbind.injection.limits import Limit
from vaultbind.injection.refusal import Reason, RefusalError
from vaultbind.injection.values import ValueSource
from vaultbind.keyvault import KeyVaultClient, KeyVaultError, KeyVaultErrorKind
from vaultbind.keyvault.simulation.driver import VaultDriver
from vaultbind.kube.errors import KubeErrorKind
from vaultbind.kube.resources import CLUSTER_KEY_VAULTS, NAMESPACES, PODS, VAULT_BINDINGS
from vaultbind.rendering.render import render
from vaultbind.vaults.hub import VaultHub
from vaultbind.vaults.policy import VaultPolicy

USER: dict[str, Any] = {
    "username": "system:serviceaccount:shop:web",
    "uid": "account-uid",
    "groups": ["system:serviceaccounts"],
    "extra": {
        "authentication.kubernetes.io/pod-name": ["shop"],
        "authentication.kubernetes.io/pod-uid": ["uid-shop"],
    },
}
GOOD_TOKEN = {"status": {"authenticated": True, "audiences": ["vaultbind"], "user": USER}}
ALLOWED = {"status": {"allowed": True}}


@dataclass
class Counts:
    answers: list[str] = field(default_factory=list)

    def answered(self, reason: str, seconds: float) -> None:
        self.answers.append(reason)
        assert seconds >= 0


class Stage:
    """A cluster with one pod, one binding and one vault, and a broker in front."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.vaults = VaultStage(clock=self.clock)
        self.cluster = FakeCluster(answers={"tokenreviews": GOOD_TOKEN, "subjectaccessreviews": ALLOWED})
        self.counts = Counts()
        labels: dict[str, Any] = {}
        self.hub = VaultHub(
            cache=ObjectCache(),
            clock=self.clock,
            policy=VaultPolicy(),
            make_client=self.make_client,
            enqueue=lambda *_: None,
            namespace_labels=lambda name: labels.get(name, {}),
        )
        self.values = ValueSource(client=self.cluster.client, hub=self.hub, clock=self.clock, labels=labels)
        checks = CallerChecks(client=self.cluster.client)
        self.broker = Broker(checks=checks, values=self.values, clock=self.clock, observer=self.counts)
        self.furnish()

    async def make_client(self, spec: Any) -> KeyVaultClient:
        return await self.vaults._make_client(spec)

    @property
    def vault(self) -> VaultDriver:
        return self.vaults.vault

    def furnish(self) -> None:
        self.vault.set_secret("password", "s3cr3t")
        pod = make_pod({"bindings": "shop-db,other"}, serviceAccountName="web")
        self.cluster.put(PODS, "shop", "shop", **{k: v for k, v in pod.items() if k != "kind"})
        self.put_vault()
        self.bind("shop-db")

    def put_vault(self, **spec: Any) -> None:
        given = {"url": "https://shop.vault.azure.net", "access": [{"namespaces": {"all": True}}]} | spec
        self.cluster.put(CLUSTER_KEY_VAULTS, "", "default", spec=given, metadata={"generation": 1})

    def bind(self, name: str, **spec: Any) -> None:
        given = {"data": [{"key": "PASSWORD", "secret": {"name": "password"}}]} | spec
        self.cluster.put(VAULT_BINDINGS, "shop", name, spec=given)

    async def ask(self, binding: str = "shop-db", token: str = "Bearer t") -> tuple[int, dict[str, Any]]:
        status, body, _ = await self.broker.answer(binding, token, "10.0.0.1")
        return status, orjson.loads(body)


async def refused(stage: Stage, binding: str = "shop-db") -> str:
    status, body = await stage.ask(binding)
    assert status != 200
    assert "data" not in body
    return f"{body['reason']}: {body['message']}"


async def test_values(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    stage = Stage()

    assert await stage.ask() == (200, {"data": {"PASSWORD": "czNjcjN0"}})
    assert stage.counts.answers == ["Ok"]
    assert caplog.messages == ["handed out: VaultBinding shop-db to pod shop/shop as web from 10.0.0.1"]


async def test_what_a_secret_keeps_is_handed_out_as_the_vault_has_it() -> None:
    """spec.refreshPolicy is about the Secret."""
    stage = Stage()
    stage.bind("shop-db", refreshPolicy="Once")
    await stage.ask()
    stage.vault.set_secret("password", "new")
    stage.clock.seconds += KEEP_SECONDS + 1
    assert await stage.ask() == (200, {"data": {"PASSWORD": "bmV3"}})


async def test_each_request_is_checked_anew_and_values_are_read_once() -> None:
    stage = Stage()
    for _ in range(3):
        await stage.ask()
    await stage.hub.aclose()

    calls = stage.cluster.calls
    assert calls.count("create tokenreviews") == calls.count("create subjectaccessreviews") == 3
    assert calls.count("get pods shop") == 3
    assert calls.count("get vaultbindings shop-db") == 1
    assert stage.values.held == 2


async def test_the_reviews_say_who_and_what() -> None:
    stage = Stage()
    bodies: dict[str, Any] = {}

    def answer(kind: str, result: Any) -> Callable[[Any], Any]:
        def note(body: Any) -> Any:
            bodies[kind] = body["spec"]
            return result

        return note

    stage.cluster.answers = {
        "tokenreviews": answer("token", GOOD_TOKEN),
        "subjectaccessreviews": answer("access", ALLOWED),
    }
    await stage.ask(token="bearer  abc ")

    assert bodies["token"] == {"token": "abc", "audiences": ["vaultbind"]}
    assert bodies["access"] == {
        "user": "system:serviceaccount:shop:web",
        "uid": "account-uid",
        "groups": ["system:serviceaccounts"],
        "extra": USER["extra"],
        "resourceAttributes": {
            "verb": "get",
            "group": "vaultbind.dev",
            "version": "v1alpha1",
            "resource": "vaultbindings",
            "subresource": "values",
            "namespace": "shop",
            "name": "shop-db",
        },
    }


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer ", "Basic abc", "t", "Bearer " + "x" * 7_001, "Bearer a b", "Bearer a\udc80"],
)
async def test_no_token(header: str) -> None:
    stage = Stage()

    assert (await stage.ask(token=header))[0] == 401
    assert stage.cluster.calls == []


@pytest.mark.parametrize("binding", ["", "Shop", "../x", "a/b", "x" * 254, "a\nb"])
async def test_no_name(binding: str, caplog: pytest.LogCaptureFixture) -> None:
    stage = Stage()

    assert (await stage.ask(binding))[0] == 400
    assert stage.cluster.calls == []
    assert caplog.messages == ["refused BadRequest: VaultBinding ? to nobody known from 10.0.0.1"]


TOKENS = {
    "not authentic": ({"authenticated": False}, "NotAuthenticated"),
    "no answer": ({}, "NotAuthenticated"),
    "a webhook that knows no audiences": ({"authenticated": True, "user": USER}, "NotAuthenticated"),
    "another audience": (
        {"authenticated": True, "audiences": ["api"], "user": USER},
        "NotAuthenticated",
    ),
    "a person": (
        {"authenticated": True, "audiences": ["vaultbind"], "user": {"username": "ann"}},
        "NotPodBound",
    ),
}


@pytest.mark.parametrize(("status", "reason"), TOKENS.values(), ids=TOKENS)
async def test_tokens(status: dict[str, Any], reason: str) -> None:
    stage = Stage()
    stage.cluster.answers["tokenreviews"] = {"status": status}

    assert (await refused(stage)).startswith(reason)
    assert "get pods shop" not in stage.cluster.calls


USERS = {
    "no extra": {"username": USER["username"]},
    "no uid": {**USER, "extra": {"authentication.kubernetes.io/pod-name": ["shop"]}},
    "two pods": {**USER, "extra": {**USER["extra"], "authentication.kubernetes.io/pod-name": ["a", "b"]}},
    "another kind of user": {**USER, "username": "system:node:shop:web"},
    "no account": {**USER, "username": "system:serviceaccount:shop"},
}


@pytest.mark.parametrize("user", USERS.values(), ids=USERS)
def test_users_that_are_no_pods(user: dict[str, Any]) -> None:
    with pytest.raises(RefusalError) as caught:
        parse_caller(user)
    assert caught.value.reason is Reason.NOT_POD_BOUND


CALLER = Caller(namespace="shop", account="web", pod="shop", uid="u1", user={})


def pod_of(*, uid: str = "u1", account: str | None = "web", **parts: Any) -> dict[str, Any]:
    pod = make_pod(parts.pop("annotations", None), inject=parts.pop("inject", "true"))
    pod["metadata"] |= {"uid": uid, **parts.pop("metadata", {})}
    pod["spec"] |= {"serviceAccountName": account} if account is not None else {}
    return {**pod, **parts}


PODS_REFUSED = {
    "another one": (pod_of(uid="u2"), Reason.POD_GONE),
    "another account": (pod_of(account="admin"), Reason.POD_MISMATCH),
    "no account": (pod_of(account=None), Reason.POD_MISMATCH),
    "on its way out": (pod_of(metadata={"deletionTimestamp": "now"}), Reason.POD_GONE),
    "succeeded": (pod_of(status={"phase": "Succeeded"}), Reason.POD_GONE),
    "failed": (pod_of(status={"phase": "Failed"}), Reason.POD_GONE),
    "no label": (pod_of(inject=None), Reason.NOT_OPTED_IN),
    "label of mistake": (pod_of(inject="True"), Reason.NOT_OPTED_IN),
    "annotations of mistake": (pod_of(annotations={"mode": "x"}), Reason.NOT_OPTED_IN),
    "another binding": (pod_of(annotations={"bindings": "other"}), Reason.NOT_OPTED_IN),
}


@pytest.mark.parametrize(("pod", "reason"), PODS_REFUSED.values(), ids=PODS_REFUSED)
def test_pods_that_do_not_fit(pod: dict[str, Any], reason: Reason) -> None:
    with pytest.raises(RefusalError) as caught:
        decide_pod(CALLER, pod, "shop-db")
    assert caught.value.reason is reason


@pytest.mark.parametrize("phase", [None, "Pending", "Running"])
def test_pods_that_fit(phase: str | None) -> None:
    decide_pod(CALLER, pod_of(status={"phase": phase}), "shop-db")


async def test_a_pod_that_is_gone() -> None:
    stage = Stage()
    del stage.cluster.objects["pods", "shop", "shop"]

    assert (await refused(stage)).startswith("PodGone: pod shop does not exist any more")


async def test_no_right() -> None:
    stage = Stage()
    stage.cluster.answers["subjectaccessreviews"] = {"status": {"allowed": False}}

    assert await refused(stage) == f"Forbidden: {explain_right(parse_caller(USER))}"
    assert "get vaultbindings shop-db" not in stage.cluster.calls


@pytest.mark.parametrize("verb", ["create tokenreviews", "create subjectaccessreviews", "get pods"])
async def test_an_api_server_that_fails(verb: str) -> None:
    stage = Stage()
    stage.cluster.errors[verb] = KubeErrorKind.TIMEOUT

    told = "ClusterError: the broker cannot ask the API server: no answer in time"
    assert await refused(stage) == told
    assert (await stage.ask())[0] == 503


@pytest.mark.parametrize("verb", ["get vaultbindings", "get clusterkeyvaults"])
async def test_an_api_server_that_fails_later(verb: str) -> None:
    stage = Stage()
    stage.cluster.errors[verb] = KubeErrorKind.FORBIDDEN

    assert await refused(stage) == "ClusterError: the broker cannot ask the API server: forbidden"


# -- values


async def test_a_key_store_with_a_password_is_for_a_secret_only() -> None:
    stage = Stage()
    store = {"name": "web", "format": "JKS", "passwordRef": {"name": "stores", "key": "password"}}
    stage.bind("other", data=[{"key": "store.jks", "certificate": store}])
    told = await refused(stage, "other")
    assert told.startswith("NotReady: InvalidSpec: spec.data: a key store with a passwordRef is for a Secret")
    assert told.endswith("let them mount the Secret")


async def test_a_binding_that_finds_its_objects_is_for_a_secret_only() -> None:
    stage = Stage()
    stage.bind("other", data=None, dataFrom=[{"find": {"tags": {"env": "prod"}}}])
    told = await refused(stage, "other")
    assert told.startswith("NotReady: NotImplemented: spec.dataFrom: find is not implemented for pods yet")
    assert told.endswith("let them mount the Secret, or name the objects")


async def test_a_binding_that_is_missing_broken_or_going() -> None:
    stage = Stage()
    assert await refused(stage, "other") == "BindingNotFound: it does not exist in the pod's namespace"
    stage.bind("other", data=[])
    assert (await refused(stage, "other")).startswith("NotReady: InvalidSpec: spec")
    stage.bind("other", target={"template": {"type": "Opaque"}})
    assert (await refused(stage, "other")).startswith("NotReady: NotImplemented: spec.target.template.type")
    stage.bind("other", target={"template": {"data": {"url": "a\n{{ nope }}"}}})
    told = "NotReady: TemplateInvalid: spec.target.template.data[url]: line 2: no key of data or dataFrom"
    assert (await refused(stage, "other")).startswith(told)
    stage.bind("other")
    stage.cluster.objects["vaultbindings", "shop", "other"]["metadata"]["deletionTimestamp"] = "now"
    assert (await refused(stage, "other")).startswith("BindingNotFound")


async def test_templates_are_rendered_here() -> None:
    """A pod gets what the Secret would hold: the templates' keys, and no value that they do not show."""
    stage = Stage()
    text = "postgres://shop:{{ PASSWORD | urlencode }}@db\n"
    stage.bind("other", target={"creationPolicy": "None", "template": {"data": {"url": text}}})
    stage.vault.set_secret("password", "s/3")

    status, body = await stage.ask("other")
    assert status == 200
    assert {key: b64decode(value) for key, value in body["data"].items()} == {
        "url": b"postgres://shop:s%2F3@db\n"
    }


async def test_a_template_that_fails_is_rendered_once_for_all_pods(monkeypatch: pytest.MonkeyPatch) -> None:
    """Until the binding or a value is another one; nor is the failure kept for long."""
    rendered: list[str] = []

    def count(*arguments: Any, **options: Any) -> Any:
        rendered.append("once")
        return render(*arguments, **options)

    monkeypatch.setattr(values, "render", count)
    stage = Stage()
    stage.bind("other", target={"template": {"data": {"url": "{{ PASSWORD | fromjson }}"}}})
    told = [await refused(stage, "other") for _ in range(5)]
    assert (len(set(told)), len(rendered)) == (1, 1)
    assert "s3cr3t" not in told[0]
    stage.bind("other", target={"template": {"data": {"url": "{{ PASSWORD | upper | fromjson }}"}}})
    await refused(stage, "other")
    assert len(rendered) == 2, "another binding"
    stage.clock.seconds += KEEP_SECONDS + 1
    stage.vault.set_secret("password", '{"now": "json"}')
    stage.bind("other", target={"template": {"data": {"url": "{{ (PASSWORD | fromjson).now }}"}}})
    assert (await stage.ask("other"))[0] == 200


async def test_a_template_that_fails_is_told_without_a_value(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    stage = Stage()
    stage.vault.set_secret("password", "cAnary-1")
    stage.bind("other", target={"template": {"data": {"url": "{{ PASSWORD }}\n{{ PASSWORD | fromjson }}"}}})

    told = await refused(stage, "other")
    assert told == "NotReady: TemplateFailed: url: line 2: fromjson was given what is no JSON"
    assert "cAnary" not in caplog.text


async def test_a_suspended_binding_is_read_for_its_pods() -> None:
    """`suspend` holds the operator back; a pod that starts has nothing to go on with."""
    stage = Stage()
    stage.bind("other", suspend=True)

    assert (await stage.ask("other"))[0] == 200


async def test_a_keyvault_that_is_missing_or_not_allowed() -> None:
    stage = Stage()
    stage.bind("other", vaultRef={"name": "kv"})
    assert await refused(stage, "other") == "NotReady: KeyVault shop/kv does not exist"
    stage.put_vault(url="https://evil.example")
    assert await refused(stage) == "NotReady: ClusterKeyVault default cannot be used: UrlNotAllowed"


async def test_a_keyvault_that_goes_is_left() -> None:
    stage = Stage()
    await stage.ask()
    del stage.cluster.objects["clusterkeyvaults", "", "default"]
    stage.clock.seconds += 6

    assert "does not exist" in await refused(stage)
    await stage.hub.close_retired()


async def test_access_by_labels_of_the_namespace() -> None:
    stage = Stage()
    stage.put_vault(access=[{"namespaces": {"selector": {"matchLabels": {"team": "a"}}}}])
    stage.cluster.put(NAMESPACES, "", "shop")
    assert (await refused(stage)).startswith("NotReady: AccessDenied: namespace shop may not read")

    stage.cluster.put(NAMESPACES, "", "shop", metadata={"labels": {"team": "a"}})
    assert (await stage.ask())[0] == 200


async def test_what_the_vault_lacks() -> None:
    stage = Stage()
    stage.bind("other", data=[{"key": "P", "secret": {"name": "nowhere"}}])

    assert (await refused(stage, "other")).startswith("NotReady: ObjectNotFound: P: the vault has no")


async def test_a_vault_that_throttles_is_left_alone_and_its_wish_is_passed_on() -> None:
    stage = Stage()
    stage.vaults.failure = KeyVaultError(
        KeyVaultErrorKind.THROTTLED, code="TooManyRequests", retry_after=7.0, retryable=True
    )
    for _ in range(2):
        status, body, wait = await stage.broker.answer("shop-db", "Bearer t", "10.0.0.1")
        assert status == 503
        assert orjson.loads(body)["message"].startswith("Throttled: ")
        assert wait is not None
        assert wait >= 7.0

    assert stage.vaults.clients == 1


async def test_values_are_forgotten_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage()
    await stage.ask()
    stage.vault.set_secret("password", "second")
    assert (await stage.ask())[1] == {"data": {"PASSWORD": "czNjcjN0"}}
    stage.clock.seconds += 5.0

    assert (await stage.ask())[1] == {"data": {"PASSWORD": "c2Vjb25k"}}
    stage.clock.seconds += 5.0
    monkeypatch.setattr(values, "KEEP_SECONDS", 0.0)
    purging = asyncio.create_task(stage.values.purge_for_ever())
    for _ in range(3):
        await asyncio.sleep(0)
    purging.cancel()
    assert stage.values.held == 0


async def test_sessions_that_no_keyvault_leads_to_are_forgotten() -> None:
    """Whoever may change a KeyVault could else fill the memory, one session for each change."""
    stage = Stage()
    await stage.ask()
    for generation in range(2, 5):
        stage.clock.seconds += 5.0
        spec = {
            "url": "https://shop.vault.azure.net",
            "access": [{"namespaces": {"all": True}}],
            "rateLimit": {"burst": generation},
        }
        stage.cluster.put(CLUSTER_KEY_VAULTS, "", "default", spec=spec, metadata={"generation": generation})
        assert (await stage.ask())[0] == 200
    assert stage.values.sessions == 4
    await stage.values.purge()
    assert stage.values.sessions == 1
    stage.clock.seconds += 5.0
    assert (await stage.ask())[0] == 200
    with pytest.raises(RefusalError, match="changed just now"):
        await stage.values._read(("1 https://shop.vault.azure.net", secret_ref("password")))


# -- limits


async def test_who_is_refused_again_and_again_is_not_asked_about_any_more() -> None:
    stage = Stage()
    stage.cluster.answers["tokenreviews"] = {"status": {}}
    for _ in range(int(server.FAILURES)):
        await stage.ask()
    reviews = stage.cluster.calls.count("create tokenreviews")
    status, body, wait = await stage.broker.answer("shop-db", "Bearer t", "10.0.0.1")

    assert (status, orjson.loads(body)["reason"]) == (429, "TooMany")
    assert wait == pytest.approx(1 / server.FAILURES_PER_SECOND)
    assert stage.cluster.calls.count("create tokenreviews") == reviews
    other, _, _ = await stage.broker.answer("shop-db", "Bearer t", "10.0.0.2")
    assert other == 401
    stage.clock.seconds += 2
    assert (await stage.ask())[0] == 401


async def test_an_api_server_that_fails_counts_against_nobody() -> None:
    stage = Stage()
    stage.cluster.errors["create tokenreviews"] = KubeErrorKind.TIMEOUT
    for _ in range(int(server.FAILURES) + 5):
        assert (await stage.ask())[0] == 503


async def test_a_pod_that_asks_too_often_waits() -> None:
    stage = Stage()
    for _ in range(int(server.BURST)):
        assert (await stage.ask())[0] == 200
    status, _, wait = await stage.broker.answer("shop-db", "Bearer t", "10.0.0.1")

    assert status == 429
    assert wait == pytest.approx(1 / server.PER_SECOND)
    stage.clock.seconds += 1
    assert (await stage.ask())[0] == 200


async def test_an_answer_that_does_not_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "REQUEST_SECONDS", 0.01)
    stage = Stage()

    async def hang(*_: Any) -> Any:
        await asyncio.Event().wait()

    monkeypatch.setattr(FakeCluster, "get", hang)
    assert await refused(stage) == "Timeout: the vault or the cluster did not answer in time"


def test_a_limit_fills_up_again_and_forgets_who_is_full() -> None:
    now = [0.0]
    limit = Limit(burst=2.0, per_second=1.0, clock=lambda: now[0], most=3)
    assert [limit.take("a") for _ in range(3)] == [0.0, 0.0, 1.0]
    now[0] = 0.5
    assert limit.take("a") == pytest.approx(0.5)
    now[0] = 1.5
    assert limit.take("a") == 0.0
    now[0] = 10.0
    for name in "bcde":
        limit.take(name)
    assert len(limit) == 4
    now[0] = 20.0
    limit.take("f")
    assert len(limit) == 1
