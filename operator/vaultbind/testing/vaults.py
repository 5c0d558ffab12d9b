"""What the fixtures hand out: one simulated vault with everything that a test does to it."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar

from vaultbind.keyvault.simulation import Denial, Estate, Fault, VaultDriver
from vaultbind.keyvault.simulation.fault_forms import parse_faults
from vaultbind.keyvault.simulation.transport import SimulatedCredential, SimulatedTransport

P = ParamSpec("P")
T = TypeVar("T")
NAME: Final = "test"
Run = Callable[[Callable[[], T]], T]


class VaultControls:
    """Changes to one vault behind the back of its clients. Writes raise VaultProblem as the service would."""

    def __init__(self, estate: Estate, name: str, url: str, run: Callable[[Callable[[], Any]], Any]) -> None:
        """Control vault `name`; every change goes through `run`, in the thread that serves the vault.

        `run` calls again after KeyWanted, when the key is there.
        """
        self.url = url
        self._estate = estate
        self._name = name
        self._run = run
        driver = VaultDriver(run(lambda: estate.vault(name)), self.now)
        self.set_secret = self._guard(driver.set_secret)
        self.update_secret = self._guard(driver.update_secret)
        self.create_key = self._guard(driver.create_key)
        self.import_certificate = self._guard(driver.import_certificate)
        self.issue_certificate = self._guard(driver.issue_certificate)
        self.enable = self._guard(driver.enable)
        self.delete = self._guard(driver.delete)
        self.recover = self._guard(driver.recover)
        self.purge = self._guard(driver.purge)

    def _guard(self, call: Callable[P, T]) -> Callable[P, T]:
        def guarded(*args: P.args, **kwargs: P.kwargs) -> T:
            result: T = self._run(lambda: call(*args, **kwargs))
            return result

        return guarded

    def now(self) -> datetime:
        """Time of the vault."""
        return self._estate.now(self._name)

    def advance(self, distance: timedelta) -> None:
        """Move the vault's time; what is due until then happens. Raises ValueError beyond 100 years."""
        self._run(lambda: self._estate.time.advance(distance, self._name))
        self._run(self._settle)

    def _settle(self) -> None:
        self._estate.vault(self._name).advance(now=int(self.now().timestamp()))

    def fail(self, **fault: Any) -> None:
        """Set a fault, by the names of the control API: `fail(status=429, retryAfter=3, count=2)`.

        Raises FaultError, a ValueError that names every mistake.
        """
        faults: tuple[Fault, ...] = parse_faults({"vault": self._name, **fault})
        self._run(lambda: self._estate.faults.add(*faults))

    def deny(self, **patterns: str) -> None:
        """Forbid what matches, such as `deny(kind="secrets", action="list")`."""
        self._run(lambda: self._estate.access.deny(Denial(**{"vault": self._name, **patterns})))

    def heal(self) -> None:
        """Clear all faults and denials."""

        def clear() -> None:
            self._estate.faults.clear()
            self._estate.access.clear()

        self._run(clear)

    def asked(self) -> tuple[str, ...]:
        """What was asked of the vault so far, as `secrets.get db 200`; a client's first 401s are left out."""
        return tuple(
            f"{entry.kind}.{entry.action} {entry.name} {entry.outcome}".replace("  ", " ")
            for entry in self._run(self._estate.log.recent)
            if entry.vault == self._name and entry.outcome != "401"
        )


class LocalVault(VaultControls):
    """A vault in this process, with the transport and the credential that async clients need for it."""

    def __init__(self, estate: Estate) -> None:
        """Serve the vault `test` of an estate."""
        super().__init__(estate, NAME, f"https://{NAME}.vault.azure.net", estate.rsa_pool.patiently)
        self.estate = estate
        self.transport = SimulatedTransport(estate)
        self.credential = SimulatedCredential(estate)

    def close(self) -> None:
        """End the threads that make RSA keys, if there are any; the vault can be used on."""
        self.estate.rsa_pool.close()

    @classmethod
    def new(cls) -> "LocalVault":
        """Make an estate with one empty vault."""
        return cls(Estate())


class ServedVault(VaultControls):
    """A vault over HTTPS, its CA file, and the environment that makes Azure's SDKs find it."""

    def __init__(
        self, estate: Estate, url: str, ca_file: Path, run: Callable[[Callable[[], Any]], Any]
    ) -> None:
        """Control the vault `default` of an emulator at `url`."""
        super().__init__(estate, "default", url, run)
        self.ca_file = ca_file
        self.environment: Mapping[str, str] = {
            "AZURE_KEYVAULT_URL": url,
            "IDENTITY_ENDPOINT": f"{url}/msi/token",
            "IDENTITY_HEADER": "test",
            "AZURE_AUTHORITY_HOST": url,
            "SSL_CERT_FILE": str(ca_file),
            "REQUESTS_CA_BUNDLE": str(ca_file),
        }
