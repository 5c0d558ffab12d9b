"""Kubeconfigs as kubectl understands them: text to entries, several files to one, a context to a description.

Pure: nothing is read, run or connected here. kubectl's rules for several files: the first that has an entry
of a name, or a current context, wins, and nothing of a later entry of that name is taken. Every error is a
`KubeConfigError` that names file, entry and key.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import urlsplit

import yaml

from vaultbind.kube.errors import KubeConfigError
from vaultbind.kube.kubeconfig_fields import Fields, Pem

SUCCESSORS: Final[Mapping[str, str]] = {
    "azure": "kubelogin: `kubelogin convert-kubeconfig` rewrites the file",
    "gcp": "gke-gcloud-auth-plugin: `gcloud container clusters get-credentials` rewrites the entry",
    "oidc": "the exec plugin kubectl-oidc_login (int128/kubelogin)",
}
"""Plugins in place of `auth-provider`s. kubectl itself speaks only oidc, since 1.26."""
EXEC_VERSIONS: Final = tuple(f"client.authentication.k8s.io/{version}" for version in ("v1", "v1beta1"))
INTERACTIVE_MODES: Final = ("Never", "IfAvailable", "Always")
IMPERSONATION: Final = ("as", "as-uid", "as-groups", "as-user-extra")
CLUSTER_EXTENSION: Final = "client.authentication.k8s.io/exec"
"""Name of the extension of a cluster that is meant for plugins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """Where the API server is, and how it is known."""

    server: str
    """URL without a trailing slash."""
    authority: Pem | None = None
    """Certificates that are trusted; None: the system's."""
    skip_verify: bool = False
    server_name: str = ""
    """What its certificate must be for; empty: the server's host."""
    proxy: str = field(default="", repr=False)
    """URL, with user and password where it needs them."""
    plugin_config: Any = field(default=None, repr=False)
    """For plugins that want to know the cluster."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugin:
    """A program that gives a credential."""

    command: str
    args: tuple[str, ...] = field(default=(), repr=False)
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    api_version: str = EXEC_VERSIONS[0]
    interactive_mode: str = "IfAvailable"
    install_hint: str = ""
    provide_cluster_info: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Credentials; a server gets those that come first: token, password, certificate, plugin."""

    token_file: Path | None = None
    token: str = field(default="", repr=False)
    username: str = ""
    password: str = field(default="", repr=False)
    certificate: Pem | None = None
    key: Pem | None = field(default=None, repr=False)
    plugin: Plugin | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A context with all that it names."""

    context: str
    place: str
    """For people: file and context."""
    namespace: str
    """`default` where the context names none."""
    cluster: Cluster
    user: User


@dataclass(frozen=True, slots=True, kw_only=True)
class Kubeconfig:
    """Entries of one file, or of several after `merge`; parsed in depth when a context is chosen."""

    files: tuple[Path, ...] = ()
    current_context: str = ""
    contexts: Mapping[str, Fields] = field(default_factory=dict)
    clusters: Mapping[str, Fields] = field(default_factory=dict)
    users: Mapping[str, Fields] = field(default_factory=dict)

    @classmethod
    def merge(cls, parts: "Iterable[Kubeconfig]") -> Self:
        """One of several, as kubectl does: the first part wins."""
        found = tuple(parts)
        return cls(
            files=tuple(file for part in found for file in part.files),
            current_context=next((part.current_context for part in found if part.current_context), ""),
            contexts=_first_wins(part.contexts for part in found),
            clusters=_first_wins(part.clusters for part in found),
            users=_first_wins(part.users for part in found),
        )

    def find_context(self, name: str = "") -> tuple[str, Fields]:
        """Name and entry of a context, the current one where none is named."""
        name = name or self.current_context
        where = f"kubeconfig {', '.join(map(str, self.files))}"
        if not name:
            raise KubeConfigError(f"{where}: no current context; `kubectl config use-context NAME` sets one")
        if name not in self.contexts:
            raise KubeConfigError(f"{where}: no context {name!r}; `kubectl config get-contexts` lists them")
        return name, self.contexts[name]

    def choose(self, name: str = "") -> Target:
        """A context with its cluster and its user; a context without a user is anonymous."""
        name, context = self.find_context(name)
        cluster, user = context.text("cluster"), context.text("user")
        if cluster not in self.clusters:
            context.refuse(f"there is no cluster {cluster!r}" if cluster else "it names no cluster")
        if user and user not in self.users:
            context.refuse(f"there is no user {user!r}")
        return Target(
            context=name,
            place=f"kubeconfig {context.file}, {context.place}",
            namespace=context.text("namespace") or "default",
            cluster=_parse_cluster(self.clusters[cluster]),
            user=_parse_user(self.users[user]) if user else User(),
        )


def parse_kubeconfig(file: Path, text: str) -> Kubeconfig:
    """Entries of one file; an empty one has none."""
    whole = Fields(file=file, place="", content={})
    try:
        content = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:  # its text quotes the line
        line = f" in line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise KubeConfigError(f"kubeconfig {file}: no YAML{line}") from None
    except (yaml.YAMLError, ValueError, RecursionError):
        raise KubeConfigError(f"kubeconfig {file}: no YAML") from None
    if content is not None and not isinstance(content, dict):
        whole.refuse("it must be an object with clusters, users and contexts")
    whole = Fields(file=file, place="", content=content or {})
    return Kubeconfig(
        files=(file,),
        current_context=whole.text("current-context"),
        contexts=_named(whole, "contexts", "context"),
        clusters=_named(whole, "clusters", "cluster"),
        users=_named(whole, "users", "user"),
    )


def _named(whole: Fields, section: str, kind: str) -> dict[str, Fields]:
    """Entries of a section by name. Two of one name are a mistake, for kubectl, too."""
    found: dict[str, Fields] = {}
    for item in whole.objects(section):
        name = item.text("name")
        if name in found:
            whole.refuse(f"two {section} are called {name!r}")
        inner = item.inner(kind)
        found[name] = Fields(
            file=whole.file, place=f"{kind} {name!r}", content=inner.content if inner else {}
        )
    return found


def _first_wins(sections: Iterable[Mapping[str, Fields]]) -> dict[str, Fields]:
    merged: dict[str, Fields] = {}
    for section in sections:
        merged = {**section, **merged}
    return merged


def _parse_cluster(entry: Fields) -> Cluster:
    server, proxy = entry.text("server").rstrip("/"), entry.text("proxy-url")
    if not _is_url(server):
        entry.refuse("server must be an URL that begins with https:// or http://")
    if proxy and not _is_url(proxy):
        entry.refuse("proxy-url must begin with http:// or https://; other proxies are not supported")
    extensions = {item.text("name"): item.content.get("extension") for item in entry.objects("extensions")}
    return Cluster(
        server=server,
        authority=entry.pem("certificate-authority"),
        skip_verify=entry.flag("insecure-skip-tls-verify"),
        server_name=entry.text("tls-server-name"),
        proxy=proxy,
        plugin_config=extensions.get(CLUSTER_EXTENSION),
    )


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        _ = parts.port  # raises for a port that is none
        return parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        return False


def _parse_user(entry: Fields) -> User:
    if provider := entry.inner("auth-provider"):
        name = provider.text("name")
        entry.refuse(
            f"auth-provider {name!r} is not supported; in its place there is "
            + SUCCESSORS.get(name, "an exec plugin of the cluster's vendor")
        )
    if any(entry.content.get(key) for key in IMPERSONATION):
        entry.refuse("impersonation (as, as-uid, as-groups) is not supported; take a user with those rights")
    certificate, key = entry.pem("client-certificate"), entry.pem("client-key")
    if (certificate is None) != (key is None):
        entry.refuse("client-certificate and client-key must be there both, each as a file or as data")
    plugin = entry.inner("exec")
    return User(
        token_file=entry.path("tokenFile"),
        token=entry.text("token"),
        username=entry.text("username"),
        password=entry.text("password"),
        certificate=certificate,
        key=key,
        plugin=_parse_plugin(plugin) if plugin else None,
    )


def _parse_plugin(entry: Fields) -> Plugin:
    command, version = entry.text("command"), entry.text("apiVersion")
    mode = entry.text("interactiveMode") or "IfAvailable"
    if not command:
        entry.refuse("exec names no command")
    if version not in EXEC_VERSIONS:
        entry.refuse(
            f"exec's apiVersion must be one of {', '.join(EXEC_VERSIONS)}; does the plugin speak it?"
        )
    if mode not in INTERACTIVE_MODES:
        entry.refuse(f"exec's interactiveMode must be one of {', '.join(INTERACTIVE_MODES)}")
    if "/" in command:  # anything else is looked for on the PATH
        command = str(entry.file.parent / command)
    return Plugin(
        command=command,
        args=entry.texts("args"),
        env={item.text("name"): item.text("value") for item in entry.objects("env")},
        api_version=version,
        interactive_mode=mode,
        install_hint=entry.text("installHint"),
        provide_cluster_info=entry.flag("provideClusterInfo"),
    )
