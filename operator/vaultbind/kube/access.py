"""How to reach the cluster, read from a kubeconfig or from a pod's own files.

Kubeconfigs mean what they mean to kubectl (`kubeconfig.py`). Environment proxies are not used; a kubeconfig's
`proxy-url` is.
"""

import base64
import os
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from vaultbind.kube.errors import KubeConfigError
from vaultbind.kube.exec_plugin import PluginTokens, ask_plugin
from vaultbind.kube.kubeconfig import Cluster, Kubeconfig, Target, User, parse_kubeconfig
from vaultbind.kube.tls import RenewableTls, load_pair, open_tls
from vaultbind.kube.tokens import (
    PLUGIN_MAX_AGE,
    CachedToken,
    NoToken,
    TokenSource,
    bearer_file,
    fixed_token,
)

ACCOUNT_FILES: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where every pod finds token, ca.crt and namespace."""
DEFAULT_KUBECONFIG: Final = "~/.kube/config"
SERVICE_HOST: Final = "KUBERNETES_SERVICE_HOST"
SERVICE_PORT: Final = "KUBERNETES_SERVICE_PORT"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterAccess:
    """All that a connection needs to know. `tls` is None for plain http."""

    server: str
    default_namespace: str
    tls: ssl.SSLContext | None
    tokens: TokenSource
    proxy: str | None = field(default=None, repr=False)
    server_name: str | None = None
    """What the server's certificate must be for; None: the server's host."""


def fetch_access(
    environ: Mapping[str, str] = os.environ, *, context: str = "", account: Path = ACCOUNT_FILES
) -> ClusterAccess:
    """Access by KUBECONFIG if set, else by the pod's account, else by the user's default kubeconfig.

    A named context is looked for in kubeconfigs only. Reads files and may run a credential plugin: call it in
    a thread. Raises `KubeConfigError`.
    """
    if environ.get("KUBECONFIG"):
        return fetch_kubeconfig_access(environ["KUBECONFIG"], context=context)
    if environ.get(SERVICE_HOST) and not context:
        return fetch_pod_access(environ, account)
    return fetch_kubeconfig_access(DEFAULT_KUBECONFIG, context=context)


def fetch_context_names(environ: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """Names of the context that `fetch_access` would use, of its cluster and its namespace, for people.

    Reads files. Raises `KubeConfigError`.
    """
    if not environ.get("KUBECONFIG") and environ.get(SERVICE_HOST):
        return ("the pod's own cluster",)
    name, chosen = fetch_kubeconfig(environ.get("KUBECONFIG") or DEFAULT_KUBECONFIG).find_context()
    return tuple(part for part in (name, chosen.text("cluster"), chosen.text("namespace")) if part)


def fetch_kubeconfig_access(paths: str, *, context: str = "") -> ClusterAccess:
    """Access by kubeconfig files, separated as in KUBECONFIG. Raises `KubeConfigError`."""
    target = fetch_kubeconfig(paths).choose(context)
    with _naming(target.place):
        tls, tokens = _log_in(target)
    return ClusterAccess(
        server=target.cluster.server,
        default_namespace=target.namespace,
        tls=tls,
        tokens=tokens,
        proxy=target.cluster.proxy or None,
        server_name=target.cluster.server_name or None,
    )


def fetch_kubeconfig(paths: str) -> Kubeconfig:
    """All kubeconfig files together; those that do not exist are left out. Raises `KubeConfigError`."""
    found = [parse_kubeconfig(path, text) for path, text in _fetch_texts(paths)]
    if not found:
        raise KubeConfigError(f"there is no kubeconfig at {paths}; set KUBECONFIG, or run inside a cluster")
    return Kubeconfig.merge(found)


def fetch_pod_access(environ: Mapping[str, str], files: Path = ACCOUNT_FILES) -> ClusterAccess:
    """Access by the service account that Kubernetes mounts into a pod. Raises `KubeConfigError`."""
    with _naming("the pod's service account (automountServiceAccountToken) cannot be used"):
        cluster = Cluster(server=_parse_server(environ), authority=files / "ca.crt")
        return ClusterAccess(
            server=cluster.server,
            tokens=_token_file(files / "token"),
            tls=open_tls(cluster),
            default_namespace=_fetch_namespace(files / "namespace"),
        )


@contextmanager
def _naming(place: str) -> Iterator[None]:
    """Put into the error where it comes from."""
    try:
        yield
    except KubeConfigError as error:
        raise KubeConfigError(f"{place}: {error}") from None


def _parse_server(environ: Mapping[str, str]) -> str:
    """URL by the variables that every pod has; IPv6 stands in brackets."""
    host, port = environ.get(SERVICE_HOST), environ.get(SERVICE_PORT)
    if not (host and port):
        raise KubeConfigError(f"{SERVICE_HOST} and {SERVICE_PORT} must be set both")
    return f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"


def _log_in(target: Target) -> tuple[ssl.SSLContext | None, TokenSource]:
    """What the user has for the server; a certificate is in the context. A plugin is the last resort."""
    user, tls = target.user, open_tls(target.cluster)
    if tls and user.certificate and user.key:
        load_pair(tls, user.certificate, user.key)
    if user.token_file:
        return tls, _token_file(user.token_file)
    if user.token:
        return tls, fixed_token(f"Bearer {user.token}")
    if user.username:
        return tls, fixed_token(_basic(user))
    if user.plugin and not user.certificate:
        renewable = RenewableTls(target.cluster) if tls else None
        plugin = PluginTokens(partial(ask_plugin, user.plugin, target.cluster), renewable)
        context = renewable.context if renewable else None
        return context, CachedToken(plugin.current, reread=plugin.renew, max_age=PLUGIN_MAX_AGE)
    return tls, NoToken()


def _basic(user: User) -> str:
    return "Basic " + base64.b64encode(f"{user.username}:{user.password}".encode()).decode()


def _token_file(path: Path) -> TokenSource:
    """The token of a file that holds one now."""
    if not _fetch_text(path).strip():
        raise KubeConfigError(f"token file {path} is empty")
    return bearer_file(path)


def _fetch_namespace(path: Path) -> str:
    return (_fetch_text(path).strip() if path.is_file() else "") or "default"


def _fetch_texts(paths: str) -> Iterator[tuple[Path, str]]:
    for path in (Path(part).expanduser().absolute() for part in paths.split(os.pathsep) if part):
        if path.is_file():
            yield path, _fetch_text(path)


def _fetch_text(path: Path) -> str:
    """A text file; the error never quotes it. Raises `KubeConfigError`."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise KubeConfigError(f"{path} cannot be read: {error.strerror or type(error).__name__}") from None
    except ValueError:
        raise KubeConfigError(f"{path} is no UTF-8") from None
