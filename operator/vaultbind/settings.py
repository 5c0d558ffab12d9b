"""Flags and variables -> frozen settings of `vaultbind run`; all mistakes are reported at once."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TypeVar, Unpack

from vaultbind.api import grammar
from vaultbind.api.address import Address, parse_address
from vaultbind.api.durations import parse_duration
from vaultbind.expiry.outlets import OutletFlags, OutletSettings, parse_outlets
from vaultbind.injection.trust import TrustSettings
from vaultbind.vaults.policy import AZURE_AUTHORITY_HOSTS, AZURE_VAULT_SUFFIXES, VaultPolicy

T = TypeVar("T")

_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


class SettingsError(ValueError):
    """Settings that cannot be used; `problems` has a line each."""

    def __init__(self, problems: Sequence[str]) -> None:
        """Join the lines for people."""
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class DriftDetection(StrEnum):
    """How a Secret that somebody else changed is noticed."""

    WATCH = "Watch"
    """At once, by a watch of metadata: takes the right to list and watch Secrets."""
    GET = "Get"
    """By one look at each Secret's metadata at the start and with each look at its vault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings:
    """What `vaultbind run` needs to know."""

    namespaces: tuple[str, ...] = ()
    """Namespaces to work in; none: the whole cluster."""
    metrics: Address = Address(host="0.0.0.0", port=8080)  # noqa: S104 - a pod's probes and scrapes come from outside
    leader_election: bool = True
    lease_namespace: str = ""
    """Empty: the namespace of the connection."""
    lease_name: str = "vaultbind"
    policy: VaultPolicy = VaultPolicy()
    drift_detection: DriftDetection = DriftDetection.WATCH
    stale_after: timedelta = timedelta(hours=1)
    sweep_interval: timedelta = timedelta(minutes=10)
    expiry_interval: timedelta = timedelta(minutes=1)
    trust: TrustSettings | None = None
    """Certificates that the leader keeps; its namespace is empty where it is the connection's."""
    restarts_per_minute: int = 20
    outlets: OutletSettings = OutletSettings()


def parse_settings(  # noqa: PLR0913 - one for each flag
    *,
    namespaces: Sequence[str] = (),
    metrics_address: str = ":8080",
    leader_election: bool = True,
    lease_namespace: str = "",
    lease_name: str = "vaultbind",
    allowed_vault_suffixes: str = "",
    allowed_authority_hosts: str = "",
    ambient_credentials_for_namespaced: bool = False,
    drift_detection: str = DriftDetection.WATCH,
    stale_after: str = "1h",
    serving_certificates: Sequence[str] = (),
    webhook_configuration: str = "",
    restarts_per_minute: int = 20,
    **outlets: Unpack[OutletFlags],
) -> RunSettings:
    """Check everything. Raises SettingsError with one line per mistake."""
    problems = _namespace_problems(namespaces)
    metrics = _take(problems, "--metrics-address", parse_address, metrics_address)
    stale = _take(problems, "--stale-after", parse_duration, stale_after)
    policy = _parse_policy(
        allowed_vault_suffixes, allowed_authority_hosts, ambient=ambient_credentials_for_namespaced
    )
    telling = parse_outlets(outlets, problems)
    serving = _parse_serving(problems, serving_certificates)
    if problems or metrics is None or stale is None:
        raise SettingsError(problems)
    return RunSettings(
        namespaces=tuple(dict.fromkeys(namespaces)),
        metrics=metrics,
        leader_election=leader_election,
        lease_namespace=lease_namespace,
        lease_name=lease_name,
        policy=policy,
        drift_detection=DriftDetection(drift_detection),
        stale_after=stale,
        trust=_trust(serving, webhook_configuration),
        restarts_per_minute=restarts_per_minute,
        outlets=telling,
    )


def _namespace_problems(names: Sequence[str]) -> list[str]:
    bad = [name for name in names if not _NAMESPACE.fullmatch(name)]
    return [f"--namespace {name!r}: not a namespace's name" for name in bad]


def _trust(serving: dict[str, tuple[str, ...]], webhooks: str) -> TrustSettings | None:
    if not serving and not webhooks:
        return None
    return TrustSettings(namespace="", serving=serving, webhooks=webhooks)


def _parse_serving(problems: list[str], texts: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Parse `SECRET=DNS[,DNS]` rows."""
    found: dict[str, tuple[str, ...]] = {}
    for text in texts:
        secret, _, rest = text.partition("=")
        names = tuple(part.strip() for part in rest.split(","))
        if not all(grammar.DNS_SUBDOMAIN.is_met(name) for name in (secret, *names)):
            problems.append(f"--serving-certificate {text!r}: not SECRET=DNS-NAME[,DNS-NAME...]")
        found[secret] = names
    return found


def _parse_policy(suffixes: str, hosts: str, *, ambient: bool) -> VaultPolicy:
    return VaultPolicy(
        vault_suffixes=_split(suffixes) or AZURE_VAULT_SUFFIXES,
        authority_hosts=_split(hosts) or AZURE_AUTHORITY_HOSTS,
        ambient_for_namespaced=ambient,
    )


def _take(problems: list[str], flag: str, parse: Callable[[str], T], text: str) -> T | None:
    try:
        return parse(text)
    except ValueError as error:
        problems.append(f"{flag}: {error}")
        return None


def _split(text: str) -> tuple[str, ...]:
    return tuple(part.strip().lower() for part in text.split(",") if part.strip())
