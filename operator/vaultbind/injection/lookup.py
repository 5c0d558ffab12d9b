"""What a review has to ask the API server: which keys the named bindings have."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

from vaultbind.api.errors import SpecError
from vaultbind.injection.errors import InjectionError
from vaultbind.injection.facts import BindingKeys, keys_of
from vaultbind.injection.recent import Recent
from vaultbind.kube.client import KubeClient
from vaultbind.kube.errors import KubeError, KubeErrorKind
from vaultbind.kube.resources import VAULT_BINDINGS
from vaultbind.rendering.checked import parse_checked

KEEP_SECONDS = 5.0


class KeyLookup:
    """Keys of bindings, at most five seconds old; a binding that is missing is asked for each time."""

    def __init__(self, client: KubeClient, clock: Callable[[], float]) -> None:
        self._client = client
        self._recent: Recent[tuple[str, str], BindingKeys | None] = Recent(
            ask=self._ask, seconds=KEEP_SECONDS, clock=clock, keeps=lambda found: found is not None
        )

    async def fetch(self, namespace: str, names: Sequence[str]) -> Mapping[str, BindingKeys | None]:
        """Return the keys of each; None where there is no such VaultBinding.

        Raises InjectionError where one has a spec that cannot be used, KubeError where none can be read.
        """
        found = await asyncio.gather(*(self._recent.get((namespace, name)) for name in names))
        return dict(zip(names, found, strict=True))

    async def _ask(self, key: tuple[str, str]) -> BindingKeys | None:
        try:
            obj = await self._client.get(VAULT_BINDINGS, *key)
        except KubeError as error:
            if error.kind is KubeErrorKind.NOT_FOUND:
                return None
            raise
        try:
            return keys_of(parse_checked(obj))
        except SpecError as error:
            raise InjectionError(f"VaultBinding {key[1]} cannot be used: {error}") from None
