"""A short fuzz of the emulator, the same every time; `make fuzz` goes on for as long as you like."""

import pytest

from tools.fuzz import MAKE_RSA, FuzzError, Outside, Tally, empty, run_inside, run_outside
from tools.fuzz_requests import Strange
from vaultbind.keyvault.simulation import Estate, EstateConfig

SEED = 20261125


def test_no_request_breaks_the_simulation() -> None:
    estate, tally = Estate(EstateConfig(make_rsa=MAKE_RSA)), Tally()
    run_inside(estate, 6000, SEED, tally)
    assert tally.statuses.total() == 6000
    reached = {status for status, number in tally.statuses.items() if number >= 3}
    assert {200, 202, 204, 400, 403, 404, 405, 409} <= reached
    empty(estate)
    assert not any(len(vault.secrets.store) for vault in estate.vaults.values())


async def test_no_request_breaks_the_server() -> None:
    tally = Tally()
    async with Outside.start() as outside:
        await run_outside(outside, 400, SEED, tally)
    assert tally.statuses.total() == 400
    assert {200, 400, 404} <= set(tally.statuses)


@pytest.mark.parametrize(("status", "spent"), [(500, 0.0), (503, 0.0), (200, 60.0)])
def test_what_must_not_be_is_told_with_its_request(status: int, spent: float) -> None:
    request = Strange(method="GET", host="h", path="/here", query={}, body=b"")
    with pytest.raises(FuzzError, match="/here"):
        Tally().note(request, status, spent)
