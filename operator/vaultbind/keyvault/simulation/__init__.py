"""A Key Vault that is not there: vaults as pure state machines behind the service's own REST surface.

`Estate` holds the vaults and answers requests; `transport.SimulatedTransport` puts it behind an Azure client
in process, `vaultbind.emulator` puts it behind HTTPS. Nothing in here does I/O.
"""

from vaultbind.keyvault.simulation.access import (
    AccessPolicy,
    AccessRules,
    Denial,
    Firewall,
    RoleAssignment,
)
from vaultbind.keyvault.simulation.access_log import AccessLog, AccessLogEntry
from vaultbind.keyvault.simulation.api.messages import ApiRequest, ApiResponse
from vaultbind.keyvault.simulation.driver import VaultDriver
from vaultbind.keyvault.simulation.estate import Estate, EstateConfig, Reply
from vaultbind.keyvault.simulation.faults import Ending, Fault, FaultBook
from vaultbind.keyvault.simulation.problems import VaultProblem
from vaultbind.keyvault.simulation.records import Kind, VaultSettings
from vaultbind.keyvault.simulation.vault import SimulatedVault

__all__ = [
    "AccessLog",
    "AccessLogEntry",
    "AccessPolicy",
    "AccessRules",
    "ApiRequest",
    "ApiResponse",
    "Denial",
    "Ending",
    "Estate",
    "EstateConfig",
    "Fault",
    "FaultBook",
    "Firewall",
    "Kind",
    "Reply",
    "RoleAssignment",
    "SimulatedVault",
    "VaultDriver",
    "VaultProblem",
    "VaultSettings",
]
