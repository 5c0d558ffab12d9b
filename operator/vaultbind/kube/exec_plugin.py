"""Credential plugins (`exec` of a kubeconfig, such as kubelogin): run the program, understand its answer.

What a plugin prints, its errors included, is never part of an error of ours: it may hold a token.
"""

import base64
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NoReturn

from vaultbind.kube.errors import KubeConfigError
from vaultbind.kube.kubeconfig import Cluster, Plugin
from vaultbind.kube.tls import RenewableTls

LONGEST_RUN: Final = 60.0
"""Seconds for a plugin that asks nobody; one on a terminal may wait for a person."""
RENEW_BEFORE: Final = 120.0
"""Seconds before the end of a credential from which the plugin is asked for the next one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """A plugin's answer: a token, a client certificate, or both."""

    token: str = field(default="", repr=False)
    certificate: bytes = b""
    key: bytes = field(default=b"", repr=False)
    expires: float | None = None
    """Unix time; None where the plugin names no end."""


class PluginTokens:
    """What a plugin gave last. Blocks while the plugin runs; each method raises `KubeConfigError`.

    A certificate in the answer goes into `tls`. Connections that are open keep the one that they began with.
    `now` gives Unix time.
    """

    def __init__(
        self,
        ask: Callable[[], Credential],
        tls: RenewableTls | None,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._ask = ask
        self._tls = tls
        self._now = now
        self._last = Credential()
        self.renew()

    def current(self) -> str:
        """Value of the Authorization header; the plugin runs only where the last answer is about to end."""
        expires = self._last.expires
        if expires is not None and self._now() >= expires - RENEW_BEFORE:
            return self.renew()
        return self._header()

    def renew(self) -> str:
        """The same, from a plugin that was asked now."""
        answer = self._ask()
        if answer.certificate and self._tls is not None:
            self._tls.renew(answer.certificate, answer.key)
        self._last = answer
        return self._header()

    def _header(self) -> str:
        return f"Bearer {self._last.token}" if self._last.token else ""


def ask_plugin(plugin: Plugin, cluster: Cluster, environ: Mapping[str, str] = os.environ) -> Credential:
    """Run a plugin. Raises `KubeConfigError` where it is missing, fails, or answers with nonsense."""
    interactive = plugin.interactive_mode != "Never" and _has_terminal()
    if plugin.interactive_mode == "Always" and not interactive:
        _refuse(plugin, "must ask somebody, and there is no terminal")
    person = None if interactive else subprocess.DEVNULL
    try:
        told = {"KUBERNETES_EXEC_INFO": _describe(plugin, cluster, interactive=interactive)}
        done = subprocess.run(  # noqa: S603 - the kubeconfig's owner says what to run
            [plugin.command, *plugin.args],
            env={**environ, **plugin.env, **told},
            stdin=person,
            stdout=subprocess.PIPE,
            stderr=person,
            timeout=None if interactive else LONGEST_RUN,
            check=False,
        )
    except subprocess.TimeoutExpired:
        _refuse(plugin, f"gave no answer in {LONGEST_RUN:g} s")
    except (OSError, ValueError) as error:
        _refuse(plugin, f"cannot be run ({type(error).__name__}); install it, or name it by its path")
    if done.returncode:
        _refuse(plugin, f"ended with status {done.returncode}; run it on a terminal to see why")
    return parse_credential(plugin, done.stdout)


def parse_credential(plugin: Plugin, answer: bytes) -> Credential:
    """What a plugin printed. Pure. Raises `KubeConfigError`."""
    try:
        document = json.loads(answer)
        version, kind = document["apiVersion"], document["kind"]
        status = document.get("status") or {}
        found = Credential(
            token=_text(status, "token"),
            certificate=_text(status, "clientCertificateData").encode(),
            key=_text(status, "clientKeyData").encode(),
            expires=_parse_time(_text(status, "expirationTimestamp")),
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        _refuse(plugin, "printed no ExecCredential")
    if (kind, version) != ("ExecCredential", plugin.api_version):
        _refuse(plugin, f"did not answer with an ExecCredential of {plugin.api_version}")
    if bool(found.certificate) != bool(found.key):
        _refuse(plugin, "answered with a certificate without its key, or a key alone")
    if not found.token and not found.certificate:
        _refuse(plugin, "answered without a token and without a certificate")
    return found


def _describe(plugin: Plugin, cluster: Cluster, *, interactive: bool) -> str:
    """What a plugin finds in KUBERNETES_EXEC_INFO."""
    spec: dict[str, Any] = {"interactive": interactive}
    if plugin.provide_cluster_info:
        spec["cluster"] = _describe_cluster(cluster)
    about = {"apiVersion": plugin.api_version, "kind": "ExecCredential", "spec": spec}
    return json.dumps(about, default=str)  # an extension may hold what YAML takes for a date


def _describe_cluster(cluster: Cluster) -> dict[str, Any]:
    authority = cluster.authority
    pem = authority.read_bytes() if isinstance(authority, Path) else authority
    members = {
        "server": cluster.server,
        "tls-server-name": cluster.server_name,
        "insecure-skip-tls-verify": cluster.skip_verify,
        "certificate-authority-data": base64.b64encode(pem or b"").decode(),
        "proxy-url": cluster.proxy,
        "config": cluster.plugin_config,
    }
    return {key: value for key, value in members.items() if value}


def _refuse(plugin: Plugin, complaint: str) -> NoReturn:
    hint = f". {plugin.install_hint.strip()}" if plugin.install_hint else ""
    raise KubeConfigError(f"the plugin {plugin.command!r} {complaint}{hint}") from None


def _text(status: Mapping[str, Any], key: str) -> str:
    """A string, empty where there is none. Raises TypeError."""
    value = status.get(key)
    if value is not None and not isinstance(value, str):
        raise TypeError(key)
    return value or ""


def _parse_time(text: str) -> float | None:
    """Unix time of an RFC 3339 one, which names its zone. Raises ValueError."""
    if not text:
        return None
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(text)
    return moment.timestamp()


def _has_terminal() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()
