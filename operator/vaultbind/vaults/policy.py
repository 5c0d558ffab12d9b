"""Pure: whether a KeyVault may be used at all, decided before any credential exists."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from vaultbind.api.conditions import Reason
from vaultbind.api.keyvault import DefaultAuth, KeyVaultSpec, ManagedIdentityAuth, WorkloadIdentityAuth

AZURE_VAULT_SUFFIXES: tuple[str, ...] = (
    ".vault.azure.net",
    ".vault.azure.cn",
    ".vault.usgovcloudapi.net",
)
AZURE_AUTHORITY_HOSTS: tuple[str, ...] = (
    "login.microsoftonline.com",
    "login.chinacloudapi.cn",
    "login.microsoftonline.us",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultPolicy:
    """What the operator's flags allow."""

    vault_suffixes: tuple[str, ...] = AZURE_VAULT_SUFFIXES
    authority_hosts: tuple[str, ...] = AZURE_AUTHORITY_HOSTS
    ambient_for_namespaced: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Denial:
    """Why a KeyVault cannot be used, for its condition."""

    reason: Reason
    message: str


def decide_policy(spec: KeyVaultSpec, *, namespaced: bool, policy: VaultPolicy) -> Denial | None:
    """Return why this KeyVault may not be used, or None."""
    if not is_url_allowed(spec.url, policy.vault_suffixes):
        return Denial(
            reason=Reason.URL_NOT_ALLOWED,
            message=f"spec.url: the host must end in one of {', '.join(policy.vault_suffixes)}; "
            "--allowed-vault-suffixes of the operator says which",
        )
    if spec.authority_host and not is_authority_allowed(spec.authority_host, policy.authority_hosts):
        return Denial(
            reason=Reason.URL_NOT_ALLOWED,
            message=f"spec.authorityHost: must be one of {', '.join(policy.authority_hosts)}; "
            "--allowed-authority-hosts of the operator says which",
        )
    if namespaced and _is_ambient(spec) and not policy.ambient_for_namespaced:
        return Denial(
            reason=Reason.AMBIENT_IDENTITY_NOT_ALLOWED,
            message="a namespaced KeyVault may not use the operator's own identity; "
            "use auth.servicePrincipal or workloadIdentity.serviceAccountRef, or ask for a ClusterKeyVault "
            "or --ambient-credentials-for-namespaced",
        )
    return None


def is_url_allowed(url: str, suffixes: Sequence[str]) -> bool:
    """Whether an https URL of a vault has one label before an allowed suffix, and that suffix's port."""
    parts = _split(url)
    if parts is None or parts.path not in ("", "/") or parts.query or parts.fragment:
        return False
    labels = (parts.hostname or "").split(".")
    if not all(labels):
        return False
    return any(_has_suffix(labels, parts.port, suffix) for suffix in suffixes)


def is_authority_allowed(authority: str, hosts: Sequence[str]) -> bool:
    """Whether an authority (host, host:port or https URL) is one of the allowed ones, port included."""
    parts = _split(authority if "://" in authority else f"https://{authority}")
    if parts is None or parts.path not in ("", "/") or parts.query or parts.fragment:
        return False
    return any(_endpoint(host) == (parts.hostname, _port(parts.port)) for host in hosts)


def _split(url: str) -> SplitResult | None:
    """Split an https URL; None for anything else, userinfo and characters that parsers disagree on."""
    if any(char.isspace() or char in "\\@%" or not char.isprintable() for char in url) or not url.isascii():
        return None
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    if parts.scheme != "https" or not parts.hostname:
        return None
    return parts


def _endpoint(text: str) -> tuple[str, int]:
    parts = urlsplit(text if "://" in text else f"https://{text}")
    return (parts.hostname or "", _port(parts.port))


def _port(port: int | None) -> int:
    return 443 if port is None else port


def _has_suffix(labels: list[str], port: int | None, suffix: str) -> bool:
    host, wanted_port = _endpoint(suffix.lstrip("."))
    wanted = host.split(".")
    return labels[1:] == wanted and _port(port) == wanted_port


def _is_ambient(spec: KeyVaultSpec) -> bool:
    """Whether the operator's own identity would ask; a ServiceAccount that is named is not the operator's."""
    if isinstance(spec.auth, WorkloadIdentityAuth):
        return spec.auth.service_account is None
    return isinstance(spec.auth, DefaultAuth | ManagedIdentityAuth)
