"""The four ways in which the service says that somebody may not, in its own words."""

from typing import Final

from vaultbind.keyvault.simulation.problems import VaultProblem
from vaultbind.keyvault.simulation.roles import PREFIX
from vaultbind.keyvault.simulation.tokens import TENANT

LOCATION: Final = "location=simulated"
GROUP: Final = "/subscriptions/00000000-0000-0000-0000-00000000beef/resourcegroups/simulated"


def _forbidden(inner: str, message: str) -> VaultProblem:
    return VaultProblem(403, "Forbidden", message, inner=inner)


def _caller(principal: str) -> str:
    return f"appid={principal};oid={principal};iss=https://sts.windows.net/{TENANT}/"


def by_rbac(principal: str, vault: str, action: str, kind: str, name: str) -> VaultProblem:
    """No role assignment has this data action for this object."""
    resource = f"{GROUP}/providers/microsoft.keyvault/vaults/{vault}"
    if name:
        resource += f"/{kind}/{name}"
    return _forbidden(
        "ForbiddenByRbac",
        "Caller is not authorized to perform action on resource.\r\n"
        "If role assignments, deny assignments or role definitions were changed recently, "
        "please observe propagation time.\r\n"
        f"Caller: {_caller(principal)}\r\n"
        f"Action: '{PREFIX}{action}'\r\n"
        f"Resource: '{resource}'\r\n"
        "Assignment: (not found)\r\n"
        "DenyAssignmentId: null\r\n"
        "DecisionReason: null \r\n"
        f"Vault: {vault};{LOCATION}\r\n",
    )


def by_policy(principal: str, vault: str, kind: str, permission: str) -> VaultProblem:
    """No access policy has this permission."""
    return _forbidden(
        "ForbiddenByPolicy",
        f"The user, group or application '{_caller(principal)}' does not have {kind} {permission} "
        f"permission on key vault '{vault};{LOCATION}'. "
        "For help resolving this issue, please see https://go.microsoft.com/fwlink/?linkid=2125287",
    )


def by_firewall(principal: str, vault: str, address: str) -> VaultProblem:
    """The client's address is in none of the allowed networks."""
    return _forbidden(
        "ForbiddenByFirewall",
        "Client address is not authorized and caller is not a trusted service.\r\n"
        f"Client address: {address}\r\n"
        f"Caller: {_caller(principal)}\r\n"
        f"Vault: {vault};{LOCATION}",
    )


def by_connection(principal: str, vault: str) -> VaultProblem:
    """The vault listens to private links only."""
    return _forbidden(
        "ForbiddenByConnection",
        "Public network access is disabled and request is not from a trusted service "
        "nor via an approved private link.\r\n"
        f"Caller: {_caller(principal)}\r\n"
        f"Vault: {vault};{LOCATION}",
    )
