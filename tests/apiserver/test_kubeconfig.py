"""What we take from kubeconfigs is what the real kubectl takes from them."""

import base64
import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tools.realcluster import RealCluster
from vaultbind.kube.access import fetch_kubeconfig
from vaultbind.kube.errors import KubeConfigError
from vaultbind.kube.kubeconfig import Cluster, Plugin, Target, User
from vaultbind.kube.kubeconfig_fields import Pem

V1 = "client.authentication.k8s.io/v1"


def entry(kind: str, name: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, kind: fields}


def one(cluster: Mapping[str, Any], user: Mapping[str, Any], **context: str) -> dict[str, dict[str, Any]]:
    """A single file."""
    return {
        "config": {
            "current-context": "k",
            "clusters": [{"name": "c", "cluster": dict(cluster)}],
            "users": [{"name": "u", "user": dict(user)}],
            "contexts": [{"name": "k", "context": {"cluster": "c", "user": "u", **context}}],
        }
    }


A, B = "https://a:6443", "https://b:6443"
CASES: Mapping[str, dict[str, Any]] = {
    "token": one({"server": A}, {"token": "abc"}, namespace="shop"),
    "password": one({"server": A + "/"}, {"username": "me", "password": "p: w"}),
    "token file": one({"server": A}, {"tokenFile": "tokens/one"}),
    "anonymous over http": one({"server": "http://127.0.0.1:8080"}, {}),
    "data": one(
        {"server": A, "certificate-authority-data": "Q0EK"},
        {"client-certificate-data": "Q1JUCg==", "client-key-data": "S0VZCg=="},
    ),
    "files": one(
        {"server": A, "certificate-authority": "pki/ca.crt"},
        {"client-certificate": "pki/a.crt", "client-key": "./pki/../pki/a.key"},
    ),
    "nulls": one({"server": A, "certificate-authority-data": None}, {"token": None, "exec": None}),
    "ways to the cluster": one(
        {
            "server": A,
            "insecure-skip-tls-verify": True,
            "tls-server-name": "a.test",
            "proxy-url": "http://p:1",
        },
        {"token": "abc"},
    ),
    "plugin": one(
        {"server": A},
        {
            "exec": {
                "apiVersion": V1,
                "command": "kubelogin",
                "args": ["get-token", "--server-id", "x"],
                "env": [{"name": "A", "value": "b c"}],
                "interactiveMode": "Never",
                "provideClusterInfo": True,
                "installHint": "install it",
            }
        },
    ),
    "plugin without a mode": one({"server": A}, {"exec": {"apiVersion": V1 + "beta1", "command": "p"}}),
    "first cluster wins as a whole": {
        "one": {"clusters": [entry("cluster", "c", server=A)]},
        "two": {
            **one({"server": B, "proxy-url": "http://p:1", "tls-server-name": "b"}, {"token": "abc"})[
                "config"
            ],
        },
    },
    "first user wins as a whole": {
        "one": {"users": [entry("user", "u", username="me")]},
        "two": one({"server": B}, {"token": "abc", "password": "x"})["config"],
    },
    "first context wins as a whole": {
        "one": {"contexts": [entry("context", "k", cluster="c")], "current-context": ""},
        "two": one({"server": B}, {"token": "abc"}, namespace="shop")["config"],
    },
    "first current context wins": {
        "one": {"current-context": "other"},
        "two": one({"server": A}, {"token": "abc"})["config"],
        "three": {
            "current-context": "k",
            "contexts": [entry("context", "other", cluster="c", user="u", namespace="three")],
        },
    },
    "a first entry that is empty": {
        "one": {"users": [{"name": "u"}]},
        "two": one({"server": A}, {"token": "abc"})["config"],
    },
    "three files, relative to each": {
        "x/one": {
            "current-context": "k",
            "clusters": [entry("cluster", "c", server=A, **{"certificate-authority": "ca"})],
        },
        "y/two": {"users": [entry("user", "u", **{"client-certificate": "crt", "client-key": "../x/key"})]},
        "z/three": {"contexts": [entry("context", "k", cluster="c", user="u", namespace="shop")]},
    },
    "files that are empty or missing": {
        "one": None,
        "two": one({"server": A}, {"token": "abc"})["config"],
        "missing": ...,
    },
}
REFUSED: Mapping[str, dict[str, Any]] = {
    "a number for a token": one({"server": A}, {"token": 123}),
    "a word for a flag": one({"server": A, "insecure-skip-tls-verify": "yes"}, {}),
    "no base64": one({"server": A, "certificate-authority-data": "%"}, {}),
    "no such context": {"one": {"current-context": "k"}},
    "no such cluster": {"one": {"current-context": "k", "contexts": [entry("context", "k", cluster="c")]}},
    "no such user": {
        "one": {
            "current-context": "k",
            "clusters": [entry("cluster", "c", server=A)],
            "contexts": [entry("context", "k", cluster="c", user="u")],
        }
    },
    "two of a name": {
        "one": one({"server": A}, {})["config"]
        | {"users": [entry("user", "u"), entry("user", "u", token="t")]}
    },
    "a list": {"one": []},
    "arguments that are no list": one(
        {"server": A}, {"exec": {"apiVersion": V1, "command": "p", "args": "a"}}
    ),
}


def write(folder: Path, files: Mapping[str, Any]) -> str:
    """Put files down; the value of KUBECONFIG."""
    for name in ("pki/ca.crt", "pki/a.crt", "pki/a.key", "x/ca", "y/crt", "x/key"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(f"content of {name}\n")
    for name, content in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        if content is not ...:
            (folder / name).write_text(yaml.safe_dump(content) if content is not None else "")
    return os.pathsep.join(str(folder / name) for name in files)


def kubectl(cluster: RealCluster, paths: str, *flags: str) -> subprocess.CompletedProcess[str]:
    command = [
        str(cluster.binaries.kubectl),
        "config",
        "view",
        "--merge",
        "--raw",
        "--minify",
        *flags,
        "-o",
        "json",
    ]
    environ = {**os.environ, "KUBECONFIG": paths}
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=120, check=False)


def shown(target: Target) -> dict[str, Any]:
    """What we understood, in the form of kubectl's answer."""
    return {
        "context": target.context,
        "namespace": target.namespace,
        "cluster": _shown_cluster(target.cluster),
        "user": _shown_user(target.user),
    }


def _shown_cluster(cluster: Cluster) -> dict[str, Any]:
    return _kept(
        {
            "server": cluster.server,
            "certificate-authority-data": _data(cluster.authority),
            "insecure-skip-tls-verify": cluster.skip_verify,
            "tls-server-name": cluster.server_name,
            "proxy-url": cluster.proxy,
        }
    )


def _shown_user(user: User) -> dict[str, Any]:
    return _kept(
        {
            "client-certificate-data": _data(user.certificate),
            "client-key-data": _data(user.key),
            "token": user.token,
            "tokenFile": user.token_file and user.token_file.name,
            "username": user.username,
            "password": user.password,
            "exec": user.plugin and _shown_plugin(user.plugin),
        }
    )


def _shown_plugin(plugin: Plugin) -> dict[str, Any]:
    return {
        **_kept({"installHint": plugin.install_hint, "args": list(plugin.args)}),
        "apiVersion": plugin.api_version,
        "command": plugin.command,
        "env": [{"name": name, "value": value} for name, value in plugin.env.items()],
        "interactiveMode": plugin.interactive_mode,
        "provideClusterInfo": plugin.provide_cluster_info,
    }


def _data(pem: Pem | None) -> str:
    content = pem.read_bytes() if isinstance(pem, Path) else pem
    return base64.b64encode(content or b"").decode()


def _kept(members: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in members.items() if value}


def said(answer: str) -> dict[str, Any]:
    """kubectl's answer: one context, cluster and user."""
    document = json.loads(answer)
    [context], [cluster] = document["contexts"], document["clusters"]
    user = (document["users"] or [{"user": {}}])[0]["user"]
    cluster["cluster"]["server"] = cluster["cluster"]["server"].rstrip("/")
    if "tokenFile" in user:  # which kubectl shows as it stands there
        user["tokenFile"] = Path(user["tokenFile"]).name
    if "exec" in user:
        user["exec"]["env"] = user["exec"]["env"] or []
        user["exec"] = {key: value for key, value in user["exec"].items() if value is not None}
    return {
        "context": document["current-context"],
        "namespace": context["context"].get("namespace") or "default",
        "cluster": cluster["cluster"],
        "user": user,
    }


@pytest.mark.parametrize("files", CASES.values(), ids=CASES)
def test_one_context_is_what_kubectl_says(
    apiserver: RealCluster, tmp_path: Path, files: dict[str, Any]
) -> None:
    paths = write(tmp_path, files)
    answer = kubectl(apiserver, paths, "--flatten")
    assert answer.returncode == 0, answer.stderr

    assert shown(fetch_kubeconfig(paths).choose()) == said(answer.stdout)


@pytest.mark.parametrize("files", REFUSED.values(), ids=REFUSED)
def test_what_kubectl_refuses_we_refuse(
    apiserver: RealCluster, tmp_path: Path, files: dict[str, Any]
) -> None:
    paths = write(tmp_path, files)

    assert kubectl(apiserver, paths).returncode != 0
    with pytest.raises(KubeConfigError):
        fetch_kubeconfig(paths).choose()
