"""Who may do what. Everything is allowed until a denial says otherwise."""

from dataclasses import dataclass
from typing import Final

from vaultbind.keyvault.simulation.faults import is_match
from vaultbind.keyvault.simulation.problems import forbidden

FORBIDDEN_CODES: Final = ("ForbiddenByRbac", "ForbiddenByPolicy", "ForbiddenByFirewall")


@dataclass(frozen=True, slots=True, kw_only=True)
class Denial:
    """Forbids what its globs match; actions are the words of `routing.Action`, `name` is empty for lists."""

    principal: str = "*"
    vault: str = "*"
    kind: str = "*"
    action: str = "*"
    name: str = "*"
    code: str = "ForbiddenByRbac"


class AccessRules:
    """The denials that hold."""

    def __init__(self) -> None:
        """Begin with none: everything is allowed."""
        self._denials: list[Denial] = []

    def deny(self, *denials: Denial) -> None:
        """Add denials."""
        self._denials.extend(denials)

    def clear(self) -> None:
        """Allow everything again."""
        self._denials.clear()

    def denials(self) -> tuple[Denial, ...]:
        """Return the denials that hold."""
        return tuple(self._denials)

    def check(self, principal: str, vault: str, kind: str, action: str, name: str) -> None:
        """Raise VaultProblem (403) when a denial matches."""
        for denial in self._denials:
            wanted = (denial.principal, denial.vault, denial.kind, denial.action, denial.name)
            given = (principal, vault, kind, action, name)
            if all(is_match(value, pattern) for value, pattern in zip(given, wanted, strict=True)):
                raise forbidden(denial.code, f"Microsoft.KeyVault/vaults/{kind}/{action}")
