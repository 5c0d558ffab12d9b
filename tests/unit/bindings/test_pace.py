"""How often a Secret is repaired."""

from vaultbind.api.refs import ObjectKey
from vaultbind.bindings.pace import REPAIRS, WINDOW, RepairPace

A, B = ObjectKey("VaultBinding", "n", "a"), ObjectKey("VaultBinding", "n", "b")


def test_the_sixth_repair_within_a_minute_waits_until_the_first_is_a_minute_old() -> None:
    pace = RepairPace()
    for second in range(REPAIRS):
        assert pace.wait(A, float(second)) == 0.0
        pace.note(A, float(second))
    assert pace.wait(A, 10.0) == WINDOW - 10.0
    assert pace.wait(A, WINDOW - 0.5) == 0.5
    assert pace.wait(A, WINDOW) == 0.0
    pace.note(A, WINDOW)
    assert pace.wait(A, WINDOW) == 1.0


def test_each_binding_has_its_own_pace_and_forgets_it_when_it_goes() -> None:
    pace = RepairPace()
    for _ in range(REPAIRS):
        pace.note(A, 1.0)
    assert pace.wait(B, 1.0) == 0.0
    assert pace.wait(A, 1.0) == WINDOW
    pace.drop(A)
    pace.drop(B)
    assert pace.wait(A, 1.0) == 0.0
    assert pace.wait(A, 1000.0) == 0.0
