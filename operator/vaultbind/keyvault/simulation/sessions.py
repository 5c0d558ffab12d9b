"""Continuous access evaluation: sessions that were revoked, and the challenge that asks for a newer token."""

import base64
from typing import Final

import orjson

from vaultbind.keyvault.simulation.faults import is_match
from vaultbind.keyvault.simulation.problems import VaultProblem
from vaultbind.keyvault.simulation.tokens import parse_token

REVOKED: Final = "Token does not satisfy the claims challenge: the session was revoked."


class ClaimsChallenge(VaultProblem):
    """401 that asks for a token with these claims (JSON)."""

    def __init__(self, since: int) -> None:
        """Ask for a token that is valid from `since` (epoch seconds) at the earliest."""
        super().__init__(401, "Unauthorized", REVOKED)
        wanted = {"access_token": {"nbf": {"essential": True, "value": str(since)}}}
        self.claims = base64.b64encode(orjson.dumps(wanted)).decode()


class Sessions:
    """Who must show a token of after when."""

    def __init__(self) -> None:
        """Begin with none: every token is good until it expires."""
        self._since: dict[str, int] = {}

    def revoke(self, principal: str, now: int) -> None:
        """Let no token pass any more that the principal (a glob) has by now.

        A token asked for with the claims of the challenge passes at once; any other from the next second on.
        """
        self._since[principal] = now + 1

    def clear(self) -> None:
        """Let every token pass again."""
        self._since.clear()

    def check(self, token: str) -> None:
        """Raise ClaimsChallenge for a token of a revoked session; tokens that are not ours have none."""
        claims = parse_token(token) if self._since else None
        if claims is None:
            return
        for principal, since in self._since.items():
            if claims.not_before < since and is_match(claims.principal, principal):
                raise ClaimsChallenge(since)


def parse_wanted(text: str) -> int:
    """Earliest `nbf` that a token request with claims asks for; 0 when it asks for none."""
    try:
        return int(orjson.loads(text)["access_token"]["nbf"]["value"])
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        return 0
