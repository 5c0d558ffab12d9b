"""TLS towards the API server, from what a kubeconfig, a pod's account or a plugin hold."""

import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vaultbind.http1.current_tls import CurrentTls
from vaultbind.kube.errors import KubeConfigError
from vaultbind.kube.kubeconfig import Cluster
from vaultbind.kube.kubeconfig_fields import Pem


def open_tls(cluster: Cluster) -> ssl.SSLContext | None:
    """Context that trusts the cluster's authority; None for plain http. Raises `KubeConfigError`."""
    if not cluster.server.startswith("https:"):
        return None
    try:
        context = _trusting(cluster.authority)
    except (OSError, ValueError) as error:
        told = _told(cluster.authority, error)
        raise KubeConfigError(f"the certificates to trust cannot be read: {told}; they are PEM") from None
    if cluster.skip_verify:  # insecure-skip-tls-verify, the person's own choice
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


class RenewableTls:
    """TLS of a cluster whose client certificate a plugin renews; `context` is for all its connections."""

    def __init__(self, cluster: Cluster) -> None:
        """Trust what the cluster, which is one with TLS, names. Raises `KubeConfigError`."""
        self._cluster = cluster
        self.context = CurrentTls(self._open())

    def renew(self, certificate: Pem, key: Pem) -> None:
        """Let new connections show another certificate. Raises `KubeConfigError`: all is as before."""
        fresh = self._open()
        load_pair(fresh, certificate, key)
        self.context.current = fresh

    def _open(self) -> ssl.SSLContext:
        context = open_tls(self._cluster)
        assert context is not None  # noqa: S101 - the cluster has TLS
        return context


def load_pair(context: ssl.SSLContext, certificate: Pem, key: Pem) -> None:
    """Let new connections show a client certificate. Raises `KubeConfigError`."""
    try:
        with _as_file(certificate) as chain, _as_file(key) as private:
            # a passphrase of our own, or OpenSSL would ask for one on the terminal
            context.load_cert_chain(chain, private, password="")
    except (OSError, ValueError) as error:
        told = _told(certificate if isinstance(certificate, Path) else key, error)
        raise KubeConfigError(
            f"the client certificate and its key cannot be used: {told}; "
            "both are PEM, belong together, and the key is not encrypted"
        ) from None


def _trusting(authority: Pem | None) -> ssl.SSLContext:
    if isinstance(authority, bytes):  # PEM; only comments may be anything but ASCII
        return ssl.create_default_context(cadata=authority.decode("ascii", "ignore"))
    return ssl.create_default_context(cafile=authority)


@contextmanager
def _as_file(pem: Pem) -> Iterator[Path]:
    """The ssl module reads chains and keys from files only: for a moment, one that nobody else may read."""
    if isinstance(pem, Path):
        yield pem
        return
    with tempfile.NamedTemporaryFile(prefix="vaultbind-", suffix=".pem") as file:  # mode 0600
        file.write(pem)
        file.flush()
        yield Path(file.name)


def _told(pem: Pem | None, error: Exception) -> str:
    """File and cause; OpenSSL's sentences name neither, and quote nothing that was read."""
    file = f"{pem}: " if isinstance(pem, Path) else ""
    cause = error.strerror if isinstance(error, OSError) and not isinstance(error, ssl.SSLError) else None
    return file + (cause or "no such PEM")
