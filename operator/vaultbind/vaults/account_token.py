"""A ServiceAccount's token, as Entra ID takes it for the identity that trusts that ServiceAccount."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from vaultbind.api.conditions import Reason
from vaultbind.api.keyvault import ServiceAccountRef
from vaultbind.engine.clock import Clock
from vaultbind.kube.client import KubeClient
from vaultbind.kube.errors import KubeError
from vaultbind.kube.resources import SERVICE_ACCOUNTS
from vaultbind.vaults.material import cannot_read, unusable
from vaultbind.vaults.rights import Asker, describe_missing

AUDIENCE: Final = "api://AzureADTokenExchange"
LIFETIME: Final = 3600
"""Seconds that are asked for; the API server may give others."""
MARGIN: Final = timedelta(minutes=5)
"""Before its end from when on a token is not used any more."""


@dataclass(slots=True, kw_only=True, eq=False)
class AccountToken:
    """The token of one ServiceAccount for one client; equal to itself only, so that nobody else shares it.

    Needs the right to create serviceaccounts/token in that namespace.
    """

    kube: KubeClient
    account: ServiceAccountRef
    clock: Clock
    asker: Asker = Asker.OPERATOR
    _token: str = field(default="", repr=False)
    _ends: datetime | None = None

    async def fetch(self) -> str:
        """Return the token, asked for anew shortly before its end.

        Raises KeyVaultError with code ServiceAccountNotFound, RightMissing or ClusterError.
        """
        if self._ends is None or self.clock.now() >= self._ends - MARGIN:
            await self._request()
        return self._token

    async def _request(self) -> None:
        account = self.account
        where = f"a token of ServiceAccount {account.namespace}/{account.name}"
        body = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"audiences": [AUDIENCE], "expirationSeconds": LIFETIME},
        }
        try:
            answer = await self.kube.create_subresource(
                SERVICE_ACCOUNTS, account.namespace, account.name, "token", body
            )
        except KubeError as error:
            lacks = describe_missing(self.asker, "create", "serviceaccounts/token", account.namespace)
            missing = Reason.SERVICE_ACCOUNT_NOT_FOUND.word
            raise cannot_read(error, where, missing, lacks) from None
        status = answer.get("status") or {}
        try:
            ends = datetime.fromisoformat(str(status.get("expirationTimestamp")))
        except ValueError:
            ends = None
        if not status.get("token") or ends is None or ends.tzinfo is None:
            raise unusable(Reason.CLUSTER_ERROR.word, f"{where}: the answer is none")
        self._token, self._ends = str(status["token"]), ends
