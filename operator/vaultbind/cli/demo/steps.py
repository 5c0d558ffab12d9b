"""The steps of the story and their order. A step acts, then looks until all is as expected."""

from abc import ABC, abstractmethod
from typing import ClassVar

from vaultbind.cli.demo.outcome import Closing, Look
from vaultbind.cli.demo.stage import Stage


class Step(ABC):
    """One step; a fresh object for each run. Every method may raise KubeError and KeyVaultError."""

    name: ClassVar[str]
    title: ClassVar[str]
    """What is going on, for the time of waiting."""
    expected: ClassVar[str]
    """What must be seen in the end."""

    async def act(self, stage: Stage) -> None:
        """Do what the step is about."""
        _ = stage

    @abstractmethod
    async def look(self, stage: Stage) -> Look:
        """Read back."""

    async def finish(self, stage: Stage) -> Closing:
        """What to tell once all is as expected."""
        _ = stage
        return Closing()


def build_steps() -> tuple[Step, ...]:
    """All steps, in order."""
    from vaultbind.cli.demo import binding_steps, change_steps, pod_steps, start_steps, use_steps

    return (
        start_steps.ClusterStep(),
        start_steps.VaultStep(),
        start_steps.OperatorStep(),
        start_steps.ConnectStep(),
        binding_steps.SecretsStep(),
        binding_steps.TlsStep(),
        binding_steps.PublicKeyStep(),
        pod_steps.PodStep(),
        use_steps.SignStep(),
        use_steps.ExpiryStep(),
        change_steps.RotateStep(),
        change_steps.RepairStep(),
        change_steps.DeleteStep(),
    )
