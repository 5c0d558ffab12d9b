import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.agent.stub_broker import StubBroker, serving
from tools.realcluster.pki import Pki
from vaultbind.agent import broker as client
from vaultbind.agent.broker import fetch_values, make_tls
from vaultbind.agent.config import Broker, parse_broker
from vaultbind.agent.errors import AgentError, RetryableError

PATH = "/v1/values/shop-db"


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki.create(tmp_path_factory.mktemp("pki") / "x")


@pytest.fixture
def broker(pki: Pki) -> Iterator[StubBroker]:
    with serving(pki) as found:
        yield found


def broker_for(broker: StubBroker, folder: Path) -> Broker:
    token = folder / "token"
    token.write_text("pod-token\n")
    return parse_broker(
        {
            "VAULTBIND_BROKER": broker.url,
            "VAULTBIND_TOKEN_FILE": str(token),
        }
    )


def fetch(broker: StubBroker, pki: Pki, folder: Path) -> dict[str, bytes]:
    return fetch_values(broker_for(broker, folder), make_tls(pki.ca_pem.decode()), "shop-db")


def test_values_come_for_the_pods_token(broker: StubBroker, pki: Pki, tmp_path: Path) -> None:
    broker.put(PATH, {"data": {"user": "bWU=", "empty": ""}})

    assert fetch(broker, pki, tmp_path) == {"user": b"me", "empty": b""}
    assert broker.seen == [(PATH, "Bearer pod-token")]


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_refusal_is_final_and_tells_the_brokers_words(
    broker: StubBroker, pki: Pki, tmp_path: Path, status: int
) -> None:
    broker.put(PATH, {"message": "may not; kubectl create rolebinding x"}, status=status)
    with pytest.raises(AgentError) as caught:
        fetch(broker, pki, tmp_path)

    assert not isinstance(caught.value, RetryableError)
    assert str(caught.value) == "VaultBinding shop-db: may not; kubectl create rolebinding x"


@pytest.mark.parametrize(
    ("status", "headers", "wait"),
    [
        (404, {}, None),
        (429, {"Retry-After": "7"}, 7.0),
        (503, {"Retry-After": "soon"}, None),
        (500, {}, None),
    ],
)
def test_what_may_pass(
    broker: StubBroker, pki: Pki, tmp_path: Path, status: int, headers: dict[str, str], wait: float | None
) -> None:
    broker.put(PATH, b"<html>", status=status, headers=headers)
    with pytest.raises(RetryableError, match=f"HTTP {status} of the broker") as caught:
        fetch(broker, pki, tmp_path)

    assert caught.value.retry_after == wait


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"data": {"a": "*"}}', b'{"data": {"a": 1}}'])
def test_an_answer_that_is_none(broker: StubBroker, pki: Pki, tmp_path: Path, body: bytes) -> None:
    broker.put(PATH, body)
    with pytest.raises(RetryableError, match="cannot be read"):
        fetch(broker, pki, tmp_path)


def test_an_endless_answer_is_cut(
    broker: StubBroker, pki: Pki, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "LONGEST_ANSWER", 10)
    broker.put(PATH, {"data": {"user": "bWU="}})
    with pytest.raises(RetryableError, match="cannot be read"):
        fetch(broker, pki, tmp_path)


def test_another_authority_is_not_trusted(broker: StubBroker, tmp_path: Path) -> None:
    other = Pki.create(tmp_path / "pki")
    broker.put(PATH, {"data": {}})
    with pytest.raises(RetryableError, match="certificate is not trusted"):
        fetch(broker, other, tmp_path)
    assert broker.seen == []


def test_an_older_tls_is_refused(pki: Pki, tmp_path: Path) -> None:
    with serving(pki, ssl.TLSVersion.TLSv1_2) as broker, pytest.raises(RetryableError, match="no answer"):
        fetch(broker, pki, tmp_path)
    assert broker.seen == []


def test_nobody_answers(pki: Pki, tmp_path: Path) -> None:
    with serving(pki) as broker:
        pass
    with pytest.raises(RetryableError, match=r"no answer of the broker at 127\.0\.0\.1: Connection refused"):
        fetch(broker, pki, tmp_path)


def test_no_token(broker: StubBroker, pki: Pki, tmp_path: Path) -> None:
    asked = broker_for(broker, tmp_path)
    asked.token_file.unlink()
    with pytest.raises(RetryableError, match="the pod's token cannot be read: No such file"):
        fetch_values(asked, make_tls(pki.ca_pem.decode()), "shop-db")


def test_a_ca_that_is_none() -> None:
    with pytest.raises(AgentError, match="VAULTBIND_BROKER_CA is no PEM certificate"):
        make_tls("hello")


def test_without_a_ca_the_systems_authorities_count() -> None:
    assert make_tls("").verify_mode is ssl.CERT_REQUIRED
