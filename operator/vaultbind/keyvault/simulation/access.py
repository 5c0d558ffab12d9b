"""Who may do what. A vault is open to everybody until it is closed by a grant, a denial or a firewall."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import ip_address, ip_network
from typing import Final

from vaultbind.keyvault.simulation.faults import is_match
from vaultbind.keyvault.simulation.problems import VaultProblem
from vaultbind.keyvault.simulation.refusals import by_connection, by_firewall, by_policy, by_rbac
from vaultbind.keyvault.simulation.roles import ROLES, covers, data_action, is_granted, permission

FORBIDDEN_CODES: Final = (
    "ForbiddenByRbac",
    "ForbiddenByPolicy",
    "ForbiddenByFirewall",
    "ForbiddenByConnection",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A request as access rules see it; `action` is a word of `routing.Action`, `name` is empty for lists."""

    principal: str
    vault: str
    kind: str
    action: str
    name: str = ""
    address: str = "127.0.0.1"
    """Of the client."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Denial:
    """Forbids what its globs match; actions are the words of `routing.Action`, `name` is empty for lists."""

    principal: str = "*"
    vault: str = "*"
    kind: str = "*"
    action: str = "*"
    name: str = "*"
    code: str = "ForbiddenByRbac"


class Model(StrEnum):
    """The two permission models, of which a vault has one."""

    RBAC = "rbac"
    POLICY = "policy"


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleAssignment:
    """A role for a principal in a vault, or for one object of it (`secrets/db`)."""

    principal: str
    vault: str
    role: str = ""
    """One of Azure's built-in roles."""
    actions: tuple[str, ...] = ()
    """Data actions of a role of one's own."""
    scope: str = ""

    def allows(self, attempt: Attempt) -> bool:
        """Tell whether the assignment is for this request."""
        wanted = data_action(attempt.kind, attempt.action)
        granted = self.actions or ROLES.get(self.role, ())
        is_meant = is_match(attempt.principal, self.principal) and covers(self.scope, wanted, attempt.name)
        return is_meant and is_granted(granted, wanted)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessPolicy:
    """Permissions of a principal in a vault; `all` means every one of the kind."""

    principal: str
    vault: str
    permissions: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """By kind, in small letters."""

    def allows(self, attempt: Attempt) -> bool:
        """Tell whether the policy is for this request."""
        granted = self.permissions.get(attempt.kind, frozenset())
        wanted = permission(attempt.kind, attempt.action)
        is_manager = attempt.kind == "certificates" and "manageissuers" in granted
        return is_match(attempt.principal, self.principal) and (
            wanted in granted or "all" in granted or (is_manager and wanted.endswith("issuers"))
        )


Grant = RoleAssignment | AccessPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Firewall:
    """Whom a vault listens to: everybody, these networks, or nobody (public access is off)."""

    allowed: tuple[str, ...] = ()
    """Networks such as `10.0.0.0/8`."""
    public_access: bool = True

    def admits(self, address: str) -> bool:
        """Tell whether the address is in one of the networks."""
        try:
            client = ip_address(address)
        except ValueError:
            return False
        return any(client in ip_network(network) for network in self.allowed)


class AccessRules:
    """The rules that hold. Vaults are named by globs; the first model that matches a vault counts."""

    def __init__(self) -> None:
        """Begin with none: everything is allowed."""
        self.changes = 0
        """How often they were changed."""
        self._denials: list[Denial] = []
        self._grants: list[Grant] = []
        self._models: dict[str, Model] = {}
        self._firewalls: dict[str, Firewall] = {}

    def deny(self, *denials: Denial) -> None:
        """Add denials."""
        self.changes += 1
        self._denials.extend(denials)

    def grant(self, *grants: Grant) -> None:
        """Close the vaults to everybody else and allow this; raises ValueError for a mixture of models."""
        for grant in grants:
            self.close(grant.vault, Model.RBAC if isinstance(grant, RoleAssignment) else Model.POLICY)
            self._grants.append(grant)

    def close(self, vault: str, model: Model = Model.RBAC) -> None:
        """Allow in a vault only what is granted; raises ValueError when it is closed by the other model."""
        if self._models.setdefault(vault, model) is not model:
            raise ValueError(f"vault {vault} has roles or access policies, not both")
        self.changes += 1

    def set_firewall(self, vault: str, firewall: Firewall) -> None:
        """Put a firewall before a vault, in the place of the one it had."""
        self._firewalls[vault] = firewall
        self.changes += 1

    def clear(self) -> None:
        """Allow everything again."""
        self.changes += 1
        self._denials.clear()
        self._grants.clear()
        self._models.clear()
        self._firewalls.clear()

    def denials(self) -> tuple[Denial, ...]:
        """Return the denials that hold."""
        return tuple(self._denials)

    def grants(self) -> tuple[Grant, ...]:
        """Return the grants that hold."""
        return tuple(self._grants)

    def models(self) -> Mapping[str, Model]:
        """Return the vaults in which only what is granted is allowed."""
        return dict(self._models)

    def firewalls(self) -> Mapping[str, Firewall]:
        """Return the firewalls by vault."""
        return dict(self._firewalls)

    def check(self, attempt: Attempt) -> None:
        """Raise VaultProblem (403) for a request that is not allowed."""
        if self._firewalls:
            self._check_address(attempt)
        if self._denials:
            self._check_denials(attempt)
        if self._models:
            self._check_grants(attempt)

    def _check_address(self, attempt: Attempt) -> None:
        for vault, firewall in self._firewalls.items():
            if not is_match(attempt.vault, vault):
                continue
            if not firewall.public_access:
                raise by_connection(attempt.principal, attempt.vault)
            if not firewall.admits(attempt.address):
                raise by_firewall(attempt.principal, attempt.vault, attempt.address)

    def _check_denials(self, attempt: Attempt) -> None:
        given = (attempt.principal, attempt.vault, attempt.kind, attempt.action, attempt.name)
        for denial in self._denials:
            wanted = (denial.principal, denial.vault, denial.kind, denial.action, denial.name)
            if all(is_match(value, pattern) for value, pattern in zip(given, wanted, strict=True)):
                raise _refusal(denial.code, attempt)

    def _check_grants(self, attempt: Attempt) -> None:
        model = next((model for vault, model in self._models.items() if is_match(attempt.vault, vault)), None)
        if model is None:
            return
        if not any(is_match(attempt.vault, grant.vault) and grant.allows(attempt) for grant in self._grants):
            code = "ForbiddenByRbac" if model is Model.RBAC else "ForbiddenByPolicy"
            raise _refusal(code, attempt)


def _refusal(code: str, attempt: Attempt) -> VaultProblem:
    principal, vault, kind = attempt.principal, attempt.vault, attempt.kind
    if code == "ForbiddenByPolicy":
        return by_policy(principal, vault, kind, permission(kind, attempt.action))
    if code == "ForbiddenByFirewall":
        return by_firewall(principal, vault, attempt.address)
    if code == "ForbiddenByConnection":
        return by_connection(principal, vault)
    return by_rbac(principal, vault, data_action(kind, attempt.action), kind, attempt.name)
