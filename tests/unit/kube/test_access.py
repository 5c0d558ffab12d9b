import base64
import json
import ssl
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from vaultbind.kube.access import fetch_access, fetch_kubeconfig_access, fetch_pod_access
from vaultbind.kube.connection import connect
from vaultbind.kube.errors import KubeConfigError
from vaultbind.kube.tokens import NoToken


def certificate() -> tuple[bytes, bytes]:
    """A self-signed certificate and its key, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    start = datetime(2026, 1, 1, tzinfo=UTC)
    made = (
        x509.CertificateBuilder(issuer_name=name, subject_name=name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=9999))
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return made.public_bytes(serialization.Encoding.PEM), private


CERT, KEY = certificate()


def encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


def kubeconfig(
    folder: Path,
    *,
    cluster: Mapping[str, Any] | None = None,
    user: Mapping[str, Any] | None = None,
    namespace: str = "shop",
    name: str = "config",
) -> Path:
    path = folder / name
    clusters = {"server": "https://127.0.0.1:6443/", "certificate-authority-data": encoded(CERT)} | dict(
        cluster or {}
    )
    path.write_text(
        yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": name,
                "clusters": [{"name": "c", "cluster": clusters}],
                "users": [{"name": "u", "user": dict(user or {})}],
                "contexts": [
                    {"name": name, "context": {"cluster": "c", "user": "u", "namespace": namespace}},
                    {"name": "other", "context": {"cluster": "c", "user": "u"}},
                ],
            }
        )
    )
    return path


def pod(folder: Path, *, token: str = "pod-token") -> dict[str, str]:
    (folder / "token").write_text(token)
    (folder / "ca.crt").write_bytes(CERT)
    return {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"}


async def test_a_kubeconfig_with_a_token(tmp_path: Path) -> None:
    access = fetch_access({"KUBECONFIG": str(kubeconfig(tmp_path, user={"token": "abc"}))})

    assert access.server == "https://127.0.0.1:6443"
    assert access.default_namespace == "shop"
    assert await access.tokens.authorization() == "Bearer abc"
    assert access.tls is not None
    assert access.tls.verify_mode is ssl.CERT_REQUIRED
    assert access.tls.check_hostname
    assert access.tls.cert_store_stats()["x509"] == 1
    assert access.proxy is None


async def test_another_context(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path, user={"token": "abc"})

    assert fetch_kubeconfig_access(str(path), context="other").default_namespace == "default"


def test_a_client_certificate_needs_no_token(tmp_path: Path) -> None:
    user = {"client-certificate-data": encoded(CERT), "client-key-data": encoded(KEY)}
    access = fetch_kubeconfig_access(str(kubeconfig(tmp_path, user=user)))

    assert isinstance(access.tokens, NoToken)


async def test_a_token_file_is_read_again(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("one")
    access = fetch_kubeconfig_access(str(kubeconfig(tmp_path, user={"tokenFile": "token"})))
    first = await access.tokens.authorization()
    (tmp_path / "token").write_text("two")

    assert first == "Bearer one"
    assert await access.tokens.renew(first)
    assert await access.tokens.authorization() == "Bearer two"


async def test_a_plugins_token(tmp_path: Path) -> None:
    answer = {
        "kind": "ExecCredential",
        "apiVersion": "client.authentication.k8s.io/v1",
        "status": {"token": "from-plugin"},
    }
    plugin = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": "echo",
        "args": [json.dumps(answer)],
        "interactiveMode": "Never",
    }
    access = fetch_kubeconfig_access(str(kubeconfig(tmp_path, user={"exec": plugin})))

    assert await access.tokens.authorization() == "Bearer from-plugin"


def test_plain_http_has_no_tls(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path, cluster={"server": "http://127.0.0.1:8001"})

    assert fetch_kubeconfig_access(str(path)).tls is None


def test_verification_is_off_only_where_the_person_says_so(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path, cluster={"insecure-skip-tls-verify": True})
    access = fetch_kubeconfig_access(str(path))

    assert access.tls is not None
    assert access.tls.verify_mode is ssl.CERT_NONE


def test_only_the_kubeconfigs_proxy_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://environment:3128")
    plain = kubeconfig(tmp_path)
    proxied = kubeconfig(tmp_path, cluster={"proxy-url": "http://proxy:3128"}, name="proxied")

    assert fetch_kubeconfig_access(str(plain)).proxy is None
    assert fetch_kubeconfig_access(str(proxied)).proxy == "http://proxy:3128"


def test_two_files_are_merged(tmp_path: Path) -> None:
    first, second = kubeconfig(tmp_path), kubeconfig(tmp_path, name="second", namespace="two")

    assert fetch_kubeconfig_access(f"{first}:{second}").default_namespace == "shop"
    assert fetch_kubeconfig_access(f"{first}:{second}", context="second").default_namespace == "two"


async def test_a_pods_account(tmp_path: Path) -> None:
    environ = pod(tmp_path)
    (tmp_path / "namespace").write_text("ops\n")
    access = fetch_pod_access(environ, tmp_path)
    first = await access.tokens.authorization()
    (tmp_path / "token").write_text("rotated")

    assert access.server == "https://10.96.0.1:443"
    assert access.default_namespace == "ops"
    assert first == "Bearer pod-token"
    assert await access.tokens.renew(first)
    assert await access.tokens.authorization() == "Bearer rotated"


def test_a_pod_is_known_by_its_environment(tmp_path: Path) -> None:
    assert fetch_access(pod(tmp_path), account=tmp_path).server == "https://10.96.0.1:443"


def test_the_users_own_file_comes_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".kube").mkdir()
    kubeconfig(tmp_path / ".kube", namespace="mine")

    assert fetch_access({}).default_namespace == "mine"
    assert fetch_access(pod(tmp_path), context="config", account=tmp_path).default_namespace == "mine"
    assert fetch_access(pod(tmp_path), account=tmp_path).default_namespace == "default"


def test_a_pods_namespace_may_be_missing(tmp_path: Path) -> None:
    assert fetch_pod_access(pod(tmp_path), tmp_path).default_namespace == "default"


def test_a_pods_account_may_be_missing(tmp_path: Path) -> None:
    environ = pod(tmp_path, token="")

    with pytest.raises(KubeConfigError, match="service account"):
        fetch_pod_access(environ, tmp_path)


@pytest.mark.parametrize(
    ("cluster", "complaint"),
    [
        pytest.param({"proxy-url": "socks5://x"}, "proxy-url", id="a feature that we do not speak"),
        pytest.param({"certificate-authority-data": encoded(b"x")}, "certificates", id="no certificate"),
        pytest.param({"certificate-authority-data": "%"}, "certificates", id="no base64"),
        pytest.param(
            {"certificate-authority-data": None, "certificate-authority": "x"},
            "/x: No such file",
            id="no file",
        ),
    ],
)
def test_clusters_that_cannot_be_used(tmp_path: Path, cluster: dict[str, Any], complaint: str) -> None:
    path = kubeconfig(tmp_path, cluster=cluster | {"note": "hunter2"}, user={"token": "hunter2"})

    with pytest.raises(KubeConfigError, match=complaint) as caught:
        fetch_kubeconfig_access(str(path))

    assert str(caught.value).startswith(f"kubeconfig {path}, c")  # the cluster or the context
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("", id="empty"),
        pytest.param("{", id="no YAML"),
        pytest.param("token: hunter2: x", id="a YAML error that quotes its line"),
        pytest.param("[hunter2]", id="a list"),
        pytest.param("hunter2", id="a word"),
        pytest.param("a: hunter2", id="something else"),
        pytest.param("contexts: 5", id="contexts of a wrong type"),
        pytest.param("contexts: [hunter2]", id="a context of a wrong type"),
        pytest.param("{current-context: a, contexts: [{name: a}], users: hunter2}", id="no cluster"),
    ],
)
def test_files_that_cannot_be_used(tmp_path: Path, content: str) -> None:
    path = tmp_path / "config"
    path.write_text(content)

    with pytest.raises(KubeConfigError) as caught:
        fetch_kubeconfig_access(str(path))

    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(KubeConfigError):
        fetch_access({"KUBECONFIG": str(tmp_path / "none")})


def test_a_context_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(KubeConfigError, match="context 'prod'"):
        fetch_kubeconfig_access(str(kubeconfig(tmp_path)), context="prod")


async def test_a_client_is_ready_to_use_and_shows_no_token(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path, user={"token": "hunter2"})
    async with await connect(kubeconfig=path) as client:
        assert client.server == "https://127.0.0.1:6443"
        assert client.connection.default_namespace == "shop"
        assert "hunter2" not in repr(client.connection)

    async with await connect(environ={"KUBECONFIG": str(path)}, context="other") as client:
        assert client.connection.default_namespace == "default"


def test_null_is_as_good_as_nothing(tmp_path: Path) -> None:
    tls = fetch_kubeconfig_access(str(kubeconfig(tmp_path, cluster={"certificate-authority-data": None}))).tls

    assert tls is not None
    assert tls.verify_mode is ssl.CERT_REQUIRED


async def test_a_token_file_goes_before_a_token(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("file")
    user = {"token": "inline", "tokenFile": "token"}
    access = fetch_kubeconfig_access(str(kubeconfig(tmp_path, user=user)))

    assert await access.tokens.authorization() == "Bearer file"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, "/token cannot be read: No such file"),
        (b" ", "/token is empty"),
        (b"\xff", "/token is no UTF-8"),
    ],
)
def test_token_files_that_hold_none(tmp_path: Path, content: bytes | None, complaint: str) -> None:
    path, environ = kubeconfig(tmp_path, user={"tokenFile": "token"}), pod(tmp_path)
    (tmp_path / "token").unlink()
    if content is not None:
        (tmp_path / "token").write_bytes(content)

    with pytest.raises(KubeConfigError, match=f"context 'config': .*{complaint}"):
        fetch_kubeconfig_access(str(path))
    with pytest.raises(KubeConfigError, match=f"service account .*{complaint}"):
        fetch_pod_access(environ, tmp_path)


def test_a_pod_in_a_cluster_of_ipv6(tmp_path: Path) -> None:
    environ = pod(tmp_path) | {"KUBERNETES_SERVICE_HOST": "fd00::1"}

    assert fetch_access(environ, account=tmp_path).server == "https://[fd00::1]:443"


def test_a_pod_without_a_port(tmp_path: Path) -> None:
    with pytest.raises(KubeConfigError, match=r"service account .*KUBERNETES_SERVICE_PORT"):
        fetch_access(pod(tmp_path) | {"KUBERNETES_SERVICE_PORT": ""}, account=tmp_path)


def test_a_proxys_password_is_not_shown(tmp_path: Path) -> None:
    access = fetch_kubeconfig_access(
        str(kubeconfig(tmp_path, cluster={"proxy-url": "http://me:hunter2@proxy:3128"}))
    )

    assert access.proxy == "http://me:hunter2@proxy:3128"
    assert "hunter2" not in repr(access)


def test_a_missing_kubeconfig_is_told_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(KubeConfigError, match=r"no kubeconfig at .*/nowhere; set KUBECONFIG"):
        fetch_access({"KUBECONFIG": str(tmp_path / "nowhere")})
