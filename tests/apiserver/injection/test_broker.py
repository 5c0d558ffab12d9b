"""The broker against the real API server: what a pod gets, and each threat of the threat model.

The names of the tests from `threat` on are those of docs/guides/injection-security.md.
"""

import asyncio
import contextlib
import logging
import ssl
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.apiserver.injection.broker import BrokerStage, broker_stage
from tools.realcluster import RealCluster
from vaultbind.agent.errors import AgentError, RetryableError
from vaultbind.injection import broker as server


@pytest.fixture
async def stage(
    apiserver: RealCluster, apiserver_namespace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[BrokerStage]:
    path = f"/api/v1/namespaces/{apiserver_namespace}/serviceaccounts/default"
    deadline = time.monotonic() + 60
    while apiserver.call("GET", path).status != 200:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    async with broker_stage(apiserver, apiserver_namespace, tmp_path) as found:
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"{found.emulator.url}/msi/token")
        monkeypatch.setenv("IDENTITY_HEADER", "any")
        yield found


async def refusal(stage: BrokerStage, token: str, binding: str = "shop-db") -> tuple[int, str]:
    """Status and reason; a value in an answer ends the test."""
    status, body = await stage.ask(token, binding)
    assert "data" not in body, "values were handed out"
    return status, str(body["reason"])


async def test_a_pod_gets_the_values_of_a_binding_that_it_names(
    stage: BrokerStage, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    token = stage.pod("one")

    assert await stage.ask_as_agent(token) == {"PASSWORD": b"s3cr3t-value"}
    lines = [record.getMessage() for record in caplog.records if record.name == "vaultbind.audit"]
    assert lines == [f"handed out: VaultBinding shop-db to pod {stage.namespace}/one as web from 127.0.0.1"]
    assert "s3cr3t-value" not in caplog.text
    assert token not in caplog.text


async def test_a_pod_gets_what_the_templates_make_and_nothing_else(stage: BrokerStage) -> None:
    """Rendered by the broker: the binding writes no Secret, so nobody else could have done it."""
    template = {"data": {"app.conf": "password = {{ PASSWORD | tojson }}\n"}}
    stage.bind("other", target={"creationPolicy": "None", "template": template})
    token = stage.pod("one", bindings="other")

    assert await stage.ask_as_agent(token, "other") == {"app.conf": b'password = "s3cr3t-value"\n'}


async def test_many_pods_at_once_cost_the_vault_one_get(stage: BrokerStage) -> None:
    stage.bind("other", data=[{"key": "P", "secret": {"name": "password"}}])
    values = stage.process.values  # a busy machine may need longer for all of them than the memories last
    values._rendered.clock = values._objects.clock = lambda: 0.0
    tokens = [stage.pod(f"p{index}", bindings="shop-db,other") for index in range(10)]
    answers = await asyncio.gather(
        *(stage.ask(token, name) for token in tokens for name in ("shop-db", "other"))
    )

    assert [status for status, _ in answers] == [200] * 20
    assert stage.vault_gets() == ["password"]


async def test_a_new_value_is_there_within_seconds_and_old_ones_are_forgotten(stage: BrokerStage) -> None:
    token = stage.pod("one")
    await stage.ask_as_agent(token)
    assert stage.process.values.held == 2
    stage.emulator.driver("shop").set_secret("password", "second")
    stage.clock.offset += 5.1

    assert await stage.ask_as_agent(token) == {"PASSWORD": b"second"}
    stage.clock.offset += 5.1
    stage.process.values._rendered.purge()
    stage.process.values._objects.purge()
    assert stage.process.values.held == 0


async def test_trouble_of_the_vault_is_told_and_may_pass(stage: BrokerStage) -> None:
    stage.bind("gone", data=[{"key": "P", "secret": {"name": "nowhere"}}])
    token = stage.pod("one", bindings="gone,later")

    with pytest.raises(RetryableError, match="VaultBinding gone: ObjectNotFound: P: the vault has no"):
        await stage.ask_as_agent(token, "gone")
    with pytest.raises(RetryableError, match="VaultBinding later: it does not exist in the pod's namespace"):
        await stage.ask_as_agent(token, "later")
    stage.bind("later")
    assert await stage.ask_as_agent(token, "later") == {"PASSWORD": b"s3cr3t-value"}


async def test_a_missing_right_is_told_with_the_command_that_gives_it(stage: BrokerStage) -> None:
    stage.account("poor", may_read=False)
    token = stage.pod("one", "poor")
    with pytest.raises(AgentError) as caught:
        await stage.ask_as_agent(token)

    told = str(caught.value)
    assert "ServiceAccount poor may not get vaultbindings/values" in told
    command = told.split("allow it with: kubectl ")[1]
    stage.cluster.kubectl(*command.split())
    await until_allowed(stage, token)


async def until_allowed(stage: BrokerStage, token: str) -> None:
    """The API server learns of rights by a watch."""
    deadline = time.monotonic() + 60
    while (await stage.ask(token))[0] != 200:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


async def test_a_keyvault_that_does_not_let_the_namespace_in(stage: BrokerStage) -> None:
    change = {"spec": {"access": [{"namespaces": {"selector": {"matchLabels": {"team": "shop"}}}}]}}
    path = f"{stage.ours('clusterkeyvaults')}/{stage.namespace}"
    stage.cluster.call("PATCH", path, change, content_type="application/merge-patch+json")
    token = stage.pod("one")
    status, body = await stage.ask(token)
    assert (status, body["message"].split(":")[0]) == (503, "AccessDenied")
    assert stage.vault_gets() == []

    label = {"metadata": {"labels": {"team": "shop"}}}
    path = f"/api/v1/namespaces/{stage.namespace}"
    stage.cluster.call("PATCH", path, label, content_type="application/merge-patch+json")
    assert await stage.ask_as_agent(token) == {"PASSWORD": b"s3cr3t-value"}


# -- threats


async def test_threat_token_of_another_pod(stage: BrokerStage) -> None:
    """A stolen token gives what its own pod names, and nothing that the thief's pod would."""
    stage.bind("secret-db")
    stage.pod("thief", bindings="secret-db")
    stolen = stage.pod("victim", bindings="shop-db")

    assert await refusal(stage, stolen, "secret-db") == (403, "NotOptedIn")


async def test_threat_replay_after_the_pod_is_deleted(stage: BrokerStage) -> None:
    token = stage.pod("one")
    assert (await stage.ask(token))[0] == 200
    stage.remove_pod("one")

    assert (await refusal(stage, token))[0] in (401, 403)


async def test_threat_replay_after_a_pod_of_the_same_name_came(stage: BrokerStage) -> None:
    token = stage.pod("one")
    stage.remove_pod("one")
    stage.pod("one")

    assert (await refusal(stage, token))[0] in (401, 403)


async def test_threat_pod_at_its_end(stage: BrokerStage) -> None:
    token = stage.pod("one")
    path = f"/api/v1/namespaces/{stage.namespace}/pods/one/status"
    done = {"status": {"phase": "Succeeded"}}
    stage.cluster.call("PATCH", path, done, content_type="application/merge-patch+json")

    assert await refusal(stage, token) == (403, "PodGone")


@pytest.mark.parametrize(
    "audience", ["https://kubernetes.default.svc", "api://AzureADTokenExchange", "vaultbind2"]
)
async def test_threat_wrong_audience(stage: BrokerStage, audience: str) -> None:
    stage.pod("one")

    assert await refusal(stage, stage.token("one", audience=audience)) == (401, "NotAuthenticated")


async def test_threat_token_without_a_pod(stage: BrokerStage) -> None:
    """Who may make tokens of an account (or steals a legacy one) has no pod to show."""
    assert await refusal(stage, stage.token("")) == (403, "NotPodBound")


async def test_threat_other_namespace(stage: BrokerStage, apiserver: RealCluster) -> None:
    """The namespace is the token's: a binding elsewhere cannot be named at all, nor by a path."""
    other = f"{stage.namespace}-other"
    apiserver.call("POST", "/api/v1/namespaces", {"metadata": {"name": other}})
    stage.bind("theirs", namespace=other)
    token = stage.pod("one", bindings="shop-db,theirs")
    try:
        assert await refusal(stage, token, "theirs") == (404, "BindingNotFound")
        assert await refusal(stage, token, f"{other}%2Ftheirs") == (400, "BadRequest")
        assert await refusal(stage, token, "..%2Ftheirs") == (400, "BadRequest")
    finally:
        apiserver.call("DELETE", f"/api/v1/namespaces/{other}")


async def test_threat_forged_annotations(stage: BrokerStage) -> None:
    """Naming a binding is no right to it: the account's right counts."""
    stage.account("poor", may_read=False)
    token = stage.pod("one", "poor", **{"vaultbind.dev/injected": '{"bindings":["shop-db"]}'})

    assert await refusal(stage, token) == (403, "Forbidden")


async def test_threat_pod_that_never_opted_in(stage: BrokerStage) -> None:
    token = stage.pod("one", inject="false")

    assert await refusal(stage, token) == (403, "NotOptedIn")


async def test_threat_right_that_was_taken_away(stage: BrokerStage) -> None:
    token = stage.pod("one")
    assert (await stage.ask(token))[0] == 200
    stage.forbid("web")
    deadline = time.monotonic() + 60
    while (answer := await stage.ask(token))[0] != 403:  # or 429: who asks so often has to wait, too
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)

    assert answer[1]["reason"] == "Forbidden"
    assert "data" not in answer[1]


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "x" * 7_500, "eyJhbGciOiJub25lIn0.e30."])
async def test_threat_rubbish_for_a_token(stage: BrokerStage, token: str) -> None:
    status, reason = await refusal(stage, token)

    assert status == 401
    assert reason in ("NoToken", "NotAuthenticated")


async def test_threat_oversized_request(stage: BrokerStage) -> None:
    """A head of more than some kilobytes is cut off by the server, without a question to anybody."""
    status, _ = await _status_of(stage, "shop-db", {"Authorization": "Bearer " + "x" * 20_000})
    assert status == 400
    status, _ = await _status_of(stage, "x" * 9_000, {"Authorization": "Bearer x"})
    assert status == 400
    assert b'resource="tokenreviews"' not in stage.metrics.render()[0]


async def _status_of(stage: BrokerStage, binding: str, headers: dict[str, str]) -> tuple[int, bytes]:
    lines = [f"GET /v1/values/{binding} HTTP/1.1", "Host: localhost"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    raw = await _talk(stage, ("\r\n".join(lines) + "\r\n\r\n").encode())
    return int(raw.split(b" ", 2)[1]), raw


async def _talk(stage: BrokerStage, text: bytes, newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> bytes:
    """Send bytes and return all that comes until the server closes."""
    context = ssl.create_default_context(cadata=stage.authority.certificate.decode())
    context.maximum_version = newest
    port = stage.process.server.port
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, ssl=context, server_hostname="localhost"
    )
    try:
        writer.write(text)
        return await reader.read()
    finally:
        writer.close()


async def test_threat_slow_request(stage: BrokerStage) -> None:
    """Who finishes neither a request's head nor the handshake before it in time is cut off."""
    started = time.monotonic()
    head = b"GET /v1/values/shop-db HTTP/1.1\r\nHost: lo"
    half, nothing = await asyncio.gather(_talk(stage, head), _say_nothing(stage))

    assert (half, nothing) == (b"", b"")

    assert time.monotonic() - started < server.CONNECTION_SECONDS, "else it would be held so long"


async def _say_nothing(stage: BrokerStage) -> bytes:
    """Connect, and leave the handshake to the other side."""
    reader, writer = await asyncio.open_connection("127.0.0.1", stage.process.server.port)
    try:
        return await reader.read()
    finally:
        writer.close()


async def test_threat_connection_that_is_held(stage: BrokerStage, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that nobody takes, or that does not come, holds its connection for its time only."""
    monkeypatch.setattr(server, "CONNECTION_SECONDS", 0.3)
    monkeypatch.setattr(stage.process.values, "_rendered", _Never())
    token = stage.pod("one")
    request = f"GET /v1/values/shop-db HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n"
    started = time.monotonic()
    with contextlib.suppress(ConnectionError):
        assert await _talk(stage, request.encode()) == b""

    assert time.monotonic() - started < server.REQUEST_SECONDS


class _Never:
    """Values that do not come."""

    async def get(self, _: object) -> dict[str, bytes]:
        await asyncio.Event().wait()
        return {}

    def purge(self) -> None:
        pass


async def test_threat_older_tls(stage: BrokerStage) -> None:
    with pytest.raises(OSError):  # noqa: PT011 - the server hangs up; an SSLError is one, too
        await _talk(stage, b"", ssl.TLSVersion.TLSv1_2)


async def test_threat_plain_http(stage: BrokerStage) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", stage.process.server.port)
    writer.write(b"GET /v1/values/shop-db HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert b"HTTP" not in await reader.read()
    writer.close()


async def test_threat_flood_by_one_pod(stage: BrokerStage) -> None:
    """Who asks too often waits, and nobody else."""
    stage.process.broker._pods.per_second = 0.001
    token, other = stage.pod("one"), stage.pod("two")
    answers = [(await stage.ask(token))[0] for _ in range(int(server.BURST) + 1)]

    assert answers == [200] * int(server.BURST) + [429]
    with pytest.raises(RetryableError, match="too many requests") as caught:
        await stage.ask_as_agent(token)
    assert caught.value.retry_after is not None
    assert (await stage.ask(other))[0] == 200


async def test_threat_flood_of_rubbish_ends_before_the_api_server(stage: BrokerStage) -> None:
    stage.process.broker._failures.per_second = 0.001
    reasons = [(await refusal(stage, "rubbish"))[1] for _ in range(int(server.FAILURES) + 1)]

    assert reasons == ["NotAuthenticated"] * int(server.FAILURES) + ["TooMany"]


async def test_threat_every_refusal_leaves_a_line_and_a_count(
    stage: BrokerStage, caplog: pytest.LogCaptureFixture
) -> None:
    stage.account("poor", may_read=False)
    token = stage.pod("one", "poor")
    await stage.ask(token)
    await stage.ask("")

    lines = [record.getMessage() for record in caplog.records if record.name == "vaultbind.audit"]
    assert lines == [
        f"refused Forbidden: VaultBinding shop-db to pod {stage.namespace}/one as poor from 127.0.0.1",
        "refused NoToken: VaultBinding shop-db to nobody known from 127.0.0.1",
    ]
    text = stage.metrics.render()[0].decode()
    assert 'vaultbind_broker_requests_total{reason="Forbidden"} 1.0' in text
    assert 'vaultbind_broker_requests_total{reason="NoToken"} 1.0' in text
