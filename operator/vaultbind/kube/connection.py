"""From the environment to a client that is ready to be used."""

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path

from vaultbind.kube.access import ClusterAccess, fetch_access, fetch_kubeconfig_access
from vaultbind.kube.client import REQUEST_TIMEOUT, KubeClient
from vaultbind.kube.observer import KubeObserver
from vaultbind.kube.session import POOL_LIMIT, open_connection


async def connect(
    *,
    kubeconfig: str | Path = "",
    context: str = "",
    environ: Mapping[str, str] = os.environ,
    observer: KubeObserver | None = None,
    request_timeout: float = REQUEST_TIMEOUT,
    pool_limit: int = POOL_LIMIT,
) -> KubeClient:
    """Client by a named kubeconfig, or by KUBECONFIG, the pod's account, the user's default file.

    Sends nothing yet: a wrong address shows at the first call. Raises `KubeConfigError`.
    """
    if kubeconfig:
        access = await asyncio.to_thread(fetch_kubeconfig_access, str(kubeconfig), context=context)
    else:
        access = await asyncio.to_thread(fetch_access, environ, context=context)
    return open_client(access, observer=observer, request_timeout=request_timeout, pool_limit=pool_limit)


def open_client(
    access: ClusterAccess,
    *,
    observer: KubeObserver | None = None,
    request_timeout: float = REQUEST_TIMEOUT,
    pool_limit: int = POOL_LIMIT,
) -> KubeClient:
    """Client for a known access; needs a running loop."""
    connection = open_connection(
        server=access.server,
        tokens=access.tokens,
        tls=access.tls,
        default_namespace=access.default_namespace,
        proxy=access.proxy,
        server_name=access.server_name,
        pool_limit=pool_limit,
    )
    return KubeClient(connection, observer=observer, request_timeout=request_timeout)
