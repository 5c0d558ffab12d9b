"""Authentication by the vault's challenge: the SDK's own policy, and a short way past it."""

from azure.keyvault.secrets._shared import AsyncChallengeAuthPolicy

from vaultbind.keyvault.transport.policies import UNAUTHORIZED, Request, Response


class ChallengePolicy(AsyncChallengeAuthPolicy):
    """Adds the token of the vault's challenge to every request.

    The SDK's policy compares the challenge's resource with every request's address. One of our pipelines has
    one vault only (`VaultPipeline.resolve` refuses other addresses), and the SDK compared before it fetched
    the token: so it is added at once, until it is due or the vault says 401 (ADR 0020).
    """

    async def send(self, request: Request) -> Response:
        """Send with the token; raises as the SDK's policy does."""
        token = self._token
        if token is None or self._need_new_token():
            return await super().send(request)
        request.http_request.headers["Authorization"] = f"Bearer {token.token}"
        response = await self.next.send(request)
        if response.http_response.status_code != UNAUTHORIZED:
            return response
        return await super().send(request)  # once more, the SDK's way: it understands what the vault wants
