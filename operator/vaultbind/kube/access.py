"""How to reach the cluster, read from a kubeconfig or from a pod's own files.

The parsing is the `kubernetes` package's: contexts, merged files, embedded certificates, plugins. What it
leaves out is added here: a `tokenFile` is read again when it changes. Environment proxies are not used; a
kubeconfig's `proxy-url` is.
"""

import os
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml
from kubernetes.client import Configuration
from kubernetes.config import incluster_config, kube_config
from kubernetes.config.config_exception import ConfigException

from vaultbind.kube.errors import KubeConfigError
from vaultbind.kube.tokens import HOOK_MAX_AGE, CachedToken, NoToken, TokenSource, bearer_file

_kubeconfigs: Final[Any] = kube_config
_pods: Final[Any] = incluster_config
"""The package's functions have no types."""

_BROKEN_FILES: Final = (ConfigException, OSError, yaml.YAMLError, TypeError, AttributeError, ValueError)
"""What broken files make the package and the YAML parser raise; their texts may quote a token."""

ACCOUNT_FILES: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where every pod finds token, ca.crt and namespace."""
DEFAULT_KUBECONFIG: Final = "~/.kube/config"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterAccess:
    """All that a connection needs to know. `tls` is None for plain http."""

    server: str
    default_namespace: str
    tls: ssl.SSLContext | None
    tokens: TokenSource
    proxy: str | None = None


def fetch_access(
    environ: Mapping[str, str] = os.environ, *, context: str = "", account: Path = ACCOUNT_FILES
) -> ClusterAccess:
    """Access by KUBECONFIG if set, else by the pod's account, else by the user's default kubeconfig.

    A named context is looked for in kubeconfigs only. Reads files and may run a credential plugin: call it in
    a thread. Raises `KubeConfigError`.
    """
    if environ.get("KUBECONFIG"):
        return fetch_kubeconfig_access(environ["KUBECONFIG"], context=context)
    if environ.get(_pods.SERVICE_HOST_ENV_NAME) and not context:
        return fetch_pod_access(environ, account)
    return fetch_kubeconfig_access(DEFAULT_KUBECONFIG, context=context)


def fetch_context_names(environ: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """Names of the context that `fetch_access` would use, of its cluster and its namespace, for people.

    Reads files. Raises `KubeConfigError`.
    """
    if not environ.get("KUBECONFIG") and environ.get(_pods.SERVICE_HOST_ENV_NAME):
        return ("the pod's own cluster",)
    paths = environ.get("KUBECONFIG") or DEFAULT_KUBECONFIG
    try:
        name = _current_context(paths)
        chosen = _find(_read_all(paths, "contexts"), name).get("context") or {}
    except LookupError:
        raise KubeConfigError("there is no kubeconfig with a current context") from None
    except _BROKEN_FILES as error:
        raise KubeConfigError(f"the kubeconfig cannot be used: {_told(error)}") from None
    return tuple(str(part) for part in (name, chosen.get("cluster"), chosen.get("namespace")) if part)


def fetch_kubeconfig_access(paths: str, *, context: str = "") -> ClusterAccess:
    """Access by kubeconfig files, separated as in KUBECONFIG. Raises `KubeConfigError`."""
    if not any(Path(path).expanduser().is_file() for path in paths.split(os.pathsep)):
        raise KubeConfigError(f"there is no kubeconfig at {paths}; set KUBECONFIG, or run inside a cluster")
    configuration = _configuration()
    try:
        name = context or _current_context(paths)
        chosen = _find(_read_all(paths, "contexts"), name).get("context") or {}
        _kubeconfigs.load_kube_config(
            paths, context=name, client_configuration=configuration, persist_config=False
        )
        tokens = _kubeconfig_tokens(paths, str(chosen.get("user", "")), configuration)
    except LookupError:
        raise KubeConfigError(
            f"the kubeconfig has no context {context!r}"
            if context
            else "the kubeconfig names no current context"
        ) from None
    except _BROKEN_FILES as error:
        raise KubeConfigError(f"the kubeconfig cannot be used: {_told(error)}") from None
    return _access(configuration, tokens, str(chosen.get("namespace") or "default"))


def fetch_pod_access(environ: Mapping[str, str], files: Path = ACCOUNT_FILES) -> ClusterAccess:
    """Access by the service account that Kubernetes mounts into a pod. Raises `KubeConfigError`."""
    configuration = _configuration()
    token = files / "token"
    loader = _pods.InClusterConfigLoader(str(token), str(files / "ca.crt"), environ=environ)
    try:
        loader.load_and_set(configuration)
        namespace = (files / "namespace").read_text(encoding="ascii").strip()
    except FileNotFoundError:
        namespace = "default"
    except _BROKEN_FILES as error:
        raise KubeConfigError(f"the pod's service account cannot be used: {_told(error)}") from None
    return _access(configuration, bearer_file(token), namespace)


def _configuration() -> Any:
    """Empty configuration that takes no proxy from the environment."""
    configuration = Configuration()
    configuration.proxy = None
    return configuration


def _access(configuration: Any, tokens: TokenSource, namespace: str) -> ClusterAccess:
    if configuration.tls_server_name:
        raise KubeConfigError("the kubeconfig's tls-server-name is not supported")
    return ClusterAccess(
        server=configuration.host,
        default_namespace=namespace,
        tls=_tls(configuration),
        tokens=tokens,
        proxy=configuration.proxy,
    )


def _tls(configuration: Any) -> ssl.SSLContext | None:
    if not configuration.host.startswith("https"):
        return None
    try:
        context = ssl.create_default_context(cafile=configuration.ssl_ca_cert)
        if configuration.cert_file:
            context.load_cert_chain(configuration.cert_file, configuration.key_file)
    except (OSError, ValueError) as error:
        raise KubeConfigError(f"the cluster's certificates cannot be read: {_told(error)}") from None
    if not configuration.verify_ssl:  # insecure-skip-tls-verify, the person's own choice
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _kubeconfig_tokens(paths: str, user: str, configuration: Any) -> TokenSource:
    """Token file first, then whatever the package has found: static, plugin, password, or nothing."""
    if path := _token_file(paths, user):
        return bearer_file(path)
    if not configuration.get_api_key_with_prefix("BearerToken"):
        return NoToken()

    def read() -> str:
        return configuration.get_api_key_with_prefix("BearerToken") or ""

    return CachedToken(read, max_age=HOOK_MAX_AGE)


def _token_file(paths: str, user: str) -> Path | None:
    named = [item for item in _read_all(paths, "users") if item.get("name") == user]
    found = (named[0].get("user") or {}).get("tokenFile") if named else None
    return named[0]["file"].parent / found if found else None


def _current_context(paths: str) -> str:
    """The first file that names one wins, as with kubectl; empty where none does."""
    named = (content.get("current-context") for _, content in _contents(paths))
    return next((str(name) for name in named if name), "")


def _find(items: list[dict[str, Any]], name: str) -> dict[str, Any]:
    """Item of this name. Raises LookupError."""
    for item in items:
        if item.get("name") == name:
            return item
    raise LookupError(name)


def _read_all(paths: str, section: str) -> list[dict[str, Any]]:
    """Named items of a section over all files, each with the `file` that it stands in."""
    return [
        {**item, "file": path} for path, content in _contents(paths) for item in content.get(section) or ()
    ]


def _contents(paths: str) -> Iterator[tuple[Path, dict[str, Any]]]:
    for path in (Path(part).expanduser().absolute() for part in paths.split(os.pathsep) if part):
        if path.is_file():
            yield path, yaml.safe_load(path.read_text(encoding="utf-8")) or {}


def _told(error: Exception) -> str:
    """The class; of the package's own sentences the beginning, before they quote the file's content."""
    return str(error).split(" in ")[0][:200] if isinstance(error, ConfigException) else type(error).__name__
