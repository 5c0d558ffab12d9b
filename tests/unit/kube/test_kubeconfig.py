"""Kubeconfigs without files: what is read, how several become one, what is refused and in which words."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from vaultbind.kube.errors import KubeConfigError
from vaultbind.kube.kubeconfig import Cluster, Kubeconfig, Plugin, Target, User, parse_kubeconfig

FILE = Path("/home/me/.kube/config")
EXEC = {"apiVersion": "client.authentication.k8s.io/v1", "command": "kubelogin"}
PLUGIN = Plugin(command="kubelogin")


def document(
    cluster: dict[str, Any] | None = None, user: dict[str, Any] | None = None, **context: str
) -> dict[str, Any]:
    return {
        "current-context": "k",
        "clusters": [{"name": "c", "cluster": {"server": "https://api:6443", **(cluster or {})}}],
        "users": [{"name": "u", "user": user or {}}],
        "contexts": [{"name": "k", "context": {"cluster": "c", "user": "u", **context}}],
    }


def chosen(content: object, context: str = "") -> Target:
    return parse_kubeconfig(FILE, yaml.safe_dump(content)).choose(context)


def cluster(**fields: Any) -> Cluster:
    return Cluster(server="https://api:6443", **fields)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({}, cluster(), id="a server alone"),
        pytest.param(
            {"server": "http://[::1]:80/k8s/c/"}, Cluster(server="http://[::1]:80/k8s/c"), id="a path"
        ),
        pytest.param({"certificate-authority-data": "Q0EK"}, cluster(authority=b"CA\n"), id="data"),
        pytest.param(
            {"certificate-authority-data": "Q0\n EK\n"}, cluster(authority=b"CA\n"), id="folded data"
        ),
        pytest.param(
            {"certificate-authority": "pki/ca.crt"},
            cluster(authority=FILE.parent / "pki/ca.crt"),
            id="relative",
        ),
        pytest.param({"certificate-authority": "/ca.crt"}, cluster(authority=Path("/ca.crt")), id="absolute"),
        pytest.param(
            {"certificate-authority": "/ca.crt", "certificate-authority-data": "Q0EK"},
            cluster(authority=b"CA\n"),
            id="data before a file",
        ),
        pytest.param({"certificate-authority-data": None}, cluster(), id="null is nothing"),
        pytest.param({"insecure-skip-tls-verify": True}, cluster(skip_verify=True), id="unverified"),
        pytest.param({"tls-server-name": "api.test"}, cluster(server_name="api.test"), id="another name"),
        pytest.param({"proxy-url": "http://p:3128"}, cluster(proxy="http://p:3128"), id="a proxy"),
        pytest.param(
            {
                "extensions": [
                    {"name": "other", "extension": 1},
                    {"name": "client.authentication.k8s.io/exec", "extension": {"audience": "x"}},
                ]
            },
            cluster(plugin_config={"audience": "x"}),
            id="a plugin's configuration",
        ),
    ],
)
def test_clusters(fields: dict[str, Any], expected: Cluster) -> None:
    assert chosen(document(fields)).cluster == expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({}, User(), id="nothing"),
        pytest.param({"token": "abc"}, User(token="abc"), id="token"),
        pytest.param({"tokenFile": "t"}, User(token_file=FILE.parent / "t"), id="token file"),
        pytest.param({"username": "a", "password": "b"}, User(username="a", password="b"), id="password"),
        pytest.param(
            {"client-certificate": "a.crt", "client-key": "/a.key"},
            User(certificate=FILE.parent / "a.crt", key=Path("/a.key")),
            id="certificate by files",
        ),
        pytest.param(
            {"client-certificate-data": "Q0EK", "client-key": "a.key"},
            User(certificate=b"CA\n", key=FILE.parent / "a.key"),
            id="certificate by both ways",
        ),
        pytest.param({"exec": EXEC}, User(plugin=PLUGIN), id="plugin"),
        pytest.param({"as": None, "as-groups": []}, User(), id="nobody to impersonate"),
    ],
)
def test_users(fields: dict[str, Any], expected: User) -> None:
    assert chosen(document(user=fields)).user == expected


@pytest.mark.parametrize(
    ("fields", "member", "expected"),
    [
        pytest.param({"command": "bin/p"}, "command", str(FILE.parent / "bin/p"), id="a relative program"),
        pytest.param({"command": "/bin/p"}, "command", "/bin/p", id="an absolute program"),
        pytest.param({"command": "p"}, "command", "p", id="a program on the PATH"),
        pytest.param({"args": ["get-token", "-l"]}, "args", ("get-token", "-l"), id="arguments"),
        pytest.param({"args": None, "env": None}, "args", (), id="null"),
        pytest.param({"env": [{"name": "A", "value": "b"}]}, "env", {"A": "b"}, id="environment"),
        pytest.param(
            {"apiVersion": EXEC["apiVersion"] + "beta1"},
            "api_version",
            EXEC["apiVersion"] + "beta1",
            id="beta",
        ),
        pytest.param({"interactiveMode": "Never"}, "interactive_mode", "Never", id="mode"),
        pytest.param({"installHint": "brew it"}, "install_hint", "brew it", id="hint"),
        pytest.param({"provideClusterInfo": True}, "provide_cluster_info", True, id="cluster"),
    ],
)
def test_plugins(fields: dict[str, Any], member: str, expected: object) -> None:
    assert getattr(chosen(document(user={"exec": EXEC | fields})).user.plugin, member) == expected


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        pytest.param(document({"server": ""}), "cluster 'c': server must", id="no server"),
        pytest.param(document({"server": "api:6443"}), "https:// or http://", id="no scheme"),
        pytest.param(document({"server": "https://"}), "server must", id="no host"),
        pytest.param(document({"server": "https://api:http"}), "server must", id="no port"),
        pytest.param(document({"server": "https://[api"}), "server must", id="no address"),
        pytest.param(document({"proxy-url": "socks5://me:hunter2@p"}), "proxy-url must", id="socks"),
        pytest.param(document({"insecure-skip-tls-verify": "hunter2"}), "true or false", id="no flag"),
        pytest.param(document({"certificate-authority-data": "hunter2%"}), "is no base64", id="no base64"),
        pytest.param(document(user={"token": 20261125}), "user 'u': token must be a string", id="a number"),
        pytest.param(document(user={"client-certificate": "a"}), "must be there both", id="no key"),
        pytest.param(document(user={"client-key-data": "Q0EK"}), "must be there both", id="no certificate"),
        pytest.param(document(user={"as": "hunter2"}), "impersonation", id="impersonation"),
        pytest.param(document(user={"as-groups": ["hunter2"]}), "impersonation", id="groups"),
        pytest.param(document(user={"auth-provider": {"name": "azure"}}), "convert-kubeconfig", id="azure"),
        pytest.param(document(user={"auth-provider": {"name": "gcp"}}), "gke-gcloud-auth-plugin", id="gcp"),
        pytest.param(
            document(user={"auth-provider": {"name": "oidc", "config": {"id-token": "hunter2"}}}),
            "oidc_login",
            id="oidc",
        ),
        pytest.param(
            document(user={"auth-provider": {"name": "x"}}), "an exec plugin of", id="some provider"
        ),
        pytest.param(document(user={"exec": "hunter2"}), "exec must be an object", id="no plugin"),
        pytest.param(document(user={"exec": {**EXEC, "command": ""}}), "names no command", id="no command"),
        pytest.param(document(user={"exec": {**EXEC, "apiVersion": "v1"}}), "apiVersion must", id="version"),
        pytest.param(document(user={"exec": {**EXEC, "interactiveMode": "x"}}), "must be one of", id="mode"),
        pytest.param(document(user={"exec": {**EXEC, "args": ["hunter2", 1]}}), "list of strings", id="args"),
        pytest.param(document(user={"exec": {**EXEC, "env": {"A": "hunter2"}}}), "must be a list", id="env"),
        pytest.param(document() | {"clusters": []}, "context 'k': there is no cluster 'c'", id="gone"),
        pytest.param(document() | {"users": None}, "there is no user 'u'", id="no user"),
        pytest.param(
            {"current-context": "k", "contexts": [{"name": "k"}]}, "names no cluster", id="an empty context"
        ),
        pytest.param({"contexts": [{"name": "k"}]}, "no current context; .*use-context", id="none current"),
        pytest.param({"current-context": "x"}, "no context 'x'; .*get-contexts", id="another current"),
        pytest.param({"users": [{"name": "u"}, {"name": "u"}]}, "two users are called 'u'", id="twice"),
        pytest.param({"users": [{"name": 5}]}, "name must be a string", id="a number for a name"),
        pytest.param({"users": ["hunter2"]}, r"users\[0\] must be an object", id="an entry that is none"),
        pytest.param({"users": "hunter2"}, "users must be a list", id="no list"),
        pytest.param(["hunter2"], "it must be an object", id="a list"),
    ],
)
def test_refusals_name_file_and_place_and_no_value(content: object, complaint: str) -> None:
    with pytest.raises(KubeConfigError, match=complaint) as caught:
        chosen(content)

    assert str(FILE) in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        pytest.param("a: b\ntoken: hunter2: x", "no YAML in line 2$", id="a line"),
        pytest.param("a: !!python/name:hunter2", "no YAML in line 1$", id="a Python object"),
        pytest.param("a: 2026-99-99", "no YAML$", id="no date"),
        pytest.param("[" * 500, "no YAML$", id="too deep"),
        pytest.param("a: \x00", "no YAML$", id="no text"),
    ],
)
def test_no_yaml(text: str, complaint: str) -> None:
    with pytest.raises(KubeConfigError, match=complaint) as caught:
        parse_kubeconfig(FILE, text)

    assert "hunter2" not in str(caught.value)


def test_names_and_defaults_of_a_context() -> None:
    found = chosen(document(namespace="shop"))
    assert (found.context, found.namespace) == ("k", "shop")
    assert chosen(document()).namespace == "default"
    anonymous = document() | {"contexts": [{"name": "k", "context": {"cluster": "c"}}]}
    assert chosen(anonymous, "k").user == User()


def test_a_path_is_meant_from_the_file_that_it_stands_in() -> None:
    first, second = document(), document({"certificate-authority": "ca"}, {"tokenFile": "../t"})
    found = Kubeconfig.merge(
        [
            parse_kubeconfig(Path("/one/config"), yaml.safe_dump(first | {"clusters": [], "users": []})),
            parse_kubeconfig(Path("/two/config"), yaml.safe_dump(second)),
        ]
    ).choose()

    assert found.cluster.authority == Path("/two/ca")
    assert found.user.token_file == Path("/two/../t")


def test_nothing_is_shown_that_is_secret() -> None:
    secrets: list[dict[str, Any]] = [
        {"token": "hunter2"},
        {"username": "a", "password": "hunter2"},
        {"client-certificate-data": "Q0EK", "client-key-data": "aHVudGVyMg=="},
        {"exec": {**EXEC, "args": ["hunter2"], "env": [{"name": "A", "value": "hunter2"}]}},
    ]
    for user in secrets:
        read = parse_kubeconfig(FILE, yaml.safe_dump(document({"proxy-url": "http://a:hunter2@p"}, user)))
        assert "hunter2" not in repr(read) + repr(read.choose())


NAMES = st.sampled_from("abc")
PARTS = st.lists(
    st.fixed_dictionaries(
        {"current": st.sampled_from(["", "a", "b"]), "users": st.dictionaries(NAMES, st.sampled_from("xyz"))}
    ),
    max_size=4,
)


def part(number: int, content: dict[str, Any]) -> Kubeconfig:
    users = [{"name": name, "user": {"token": token}} for name, token in content["users"].items()]
    return parse_kubeconfig(
        Path(f"/{number}"), yaml.safe_dump({"users": users, "current-context": content["current"]})
    )


@settings(max_examples=30)
@given(PARTS)
def test_the_first_that_has_it_wins(contents: list[dict[str, Any]]) -> None:
    merged = Kubeconfig.merge(part(number, content) for number, content in enumerate(contents))

    expected: dict[str, tuple[str, str]] = {}
    for number, content in enumerate(contents):
        for name, token in content["users"].items():
            expected.setdefault(name, (f"/{number}", token))
    assert {name: (str(user.file), user.text("token")) for name, user in merged.users.items()} == expected
    assert merged.current_context == next((c["current"] for c in contents if c["current"]), "")


@settings(max_examples=30)
@given(PARTS, PARTS)
def test_merging_may_be_done_in_steps(first: list[dict[str, Any]], second: list[dict[str, Any]]) -> None:
    parts = [part(number, content) for number, content in enumerate([*first, *second])]
    left, right = Kubeconfig.merge(parts[: len(first)]), Kubeconfig.merge(parts[len(first) :])

    assert Kubeconfig.merge([left, right]) == Kubeconfig.merge(parts)
