"""The Key Vault simulation behind HTTPS, with the token endpoints that Azure's credentials ask.

`Emulator.start(EmulatorConfig())` runs it in process, `vaultbind emulator` as a program.
"""

from vaultbind.emulator.config import EmulatorConfig, EmulatorConfigError
from vaultbind.emulator.seed import SeedError
from vaultbind.emulator.server import Emulator
from vaultbind.emulator.storage import StorageError

__all__ = ["Emulator", "EmulatorConfig", "EmulatorConfigError", "SeedError", "StorageError"]
