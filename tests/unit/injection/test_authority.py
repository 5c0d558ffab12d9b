import base64
from datetime import UTC, datetime, timedelta

import pytest

from vaultbind.injection.authority import (
    Authorities,
    advance,
    is_serving_due,
    parse_authorities,
    render_authorities,
)
from vaultbind.injection.certificates import (
    AUTHORITY_LIFETIME,
    SERVING_LIFETIME,
    Pair,
    has_key,
    is_issued_by,
    make_authority,
    make_serving,
)

START = datetime(2026, 1, 1, tzinfo=UTC)
NAMES = ("vaultbind-webhook.vaultbind.svc", "vaultbind-webhook.vaultbind.svc.cluster.local")


@pytest.fixture(scope="module")
def first() -> Authorities:
    return advance(None, START, make_authority)


def at(share: float) -> datetime:
    return START + AUTHORITY_LIFETIME * share


def serving(
    authorities: Authorities, now: datetime = START, names: tuple[str, ...] = NAMES
) -> dict[str, bytes]:
    pair = make_serving(authorities.current, names, now)
    return {"tls.crt": pair.certificate, "tls.key": pair.key}


def test_nothing_known_makes_one_that_signs(first: Authorities) -> None:
    assert first.next is None
    assert first.bundle() == first.current.certificate
    assert advance(first, at(0.49), make_authority) is first


def test_the_next_is_trusted_long_before_it_signs(first: Authorities) -> None:
    second = advance(first, at(0.5), make_authority)

    assert second.current == first.current
    assert second.next is not None
    assert second.bundle() == first.current.certificate + second.next.certificate
    assert advance(second, at(0.79), make_authority) is second


def test_the_one_before_is_trusted_as_long_as_it_is_valid(first: Authorities) -> None:
    second = advance(first, at(0.5), make_authority)
    third = advance(second, at(0.8), make_authority)

    assert third.current == second.next
    assert third.next is None
    assert third.bundle() == third.current.certificate + first.current.certificate
    assert advance(third, at(0.99), make_authority) is third
    assert first.current.certificate not in advance(third, at(1.01), make_authority).bundle()


def test_at_no_time_does_a_certificate_meet_somebody_who_does_not_know_its_authority() -> None:
    """Somebody who learned the bundle a fortnight ago trusts what is served now, over twenty years."""
    known: Authorities | None = None
    learned: list[bytes] = []
    for fortnight in range(26 * 20):
        now = START + timedelta(weeks=2) * fortnight
        known = advance(known, now, make_authority)
        assert known.current.certificate in (learned[-1] if learned else known.bundle())
        assert known.current.parsed.not_valid_after_utc > now + SERVING_LIFETIME
        learned.append(known.bundle())

    assert len(set(learned)) > 10


def test_who_slept_over_the_schedule_gives_others_a_day(first: Authorities) -> None:
    late = advance(first, at(0.9), make_authority)
    assert late.next is not None
    assert advance(late, at(0.9) + timedelta(hours=23), make_authority) is late

    signs = advance(late, at(0.9) + timedelta(hours=25), make_authority)
    assert signs.current == late.next


def test_who_slept_over_the_end_begins_anew(first: Authorities) -> None:
    assert advance(first, at(1.1), make_authority).current != first.current

    second = advance(first, at(0.5), make_authority)
    assert advance(second, at(1.1), make_authority).current == second.next


def test_a_secret_gives_back_what_was_put_in(first: Authorities) -> None:
    second = advance(first, at(0.5), make_authority)
    third = advance(second, at(0.8), make_authority)

    for state in (first, second, third):
        assert parse_authorities(render_authorities(state)) == state


def on_an_unknown_curve(key: bytes) -> bytes:
    """The same key, said to be on prime239v1, which the library does not know."""
    lines = key.decode().splitlines()
    der = base64.b64decode("".join(lines[1:-1]))
    prime256v1, prime239v1 = bytes.fromhex("2a8648ce3d030107"), bytes.fromhex("2a8648ce3d030104")
    assert prime256v1 in der
    changed = base64.encodebytes(der.replace(prime256v1, prime239v1)).decode()
    return f"{lines[0]}\n{changed}{lines[-1]}\n".encode()


def test_a_broken_secret_counts_as_none(first: Authorities) -> None:
    data = render_authorities(first)
    other = make_authority(START)

    assert parse_authorities({}) is None
    assert parse_authorities(data | {"ca.key": b"?"}) is None
    assert parse_authorities(data | {"ca.key": other.key}) is None
    assert parse_authorities(data | {"ca.key": on_an_unknown_curve(other.key)}) is None
    assert parse_authorities(data | {"previous.crt": b"?", "next.crt": b"?"}) == first


def test_what_is_served_is_for_its_names_and_for_servers(first: Authorities) -> None:
    pair = make_serving(first.current, NAMES, START)

    assert has_key(pair)
    assert is_issued_by(pair, first.current)
    assert not is_issued_by(pair, make_authority(START))


DUE = {
    "fresh": ({}, 0.0, False),
    "young": ({}, 0.6, False),
    "two thirds over": ({}, 0.67, True),
    "missing": ({"tls.crt": b""}, 0.0, True),
    "without key": ({"tls.key": b""}, 0.0, True),
    "rubbish": ({"tls.crt": b"?"}, 0.0, True),
}


@pytest.mark.parametrize(("change", "share", "due"), DUE.values(), ids=DUE)
def test_when_a_serving_certificate_is_due(
    first: Authorities, change: dict[str, bytes], share: float, due: bool
) -> None:
    data = serving(first) | change

    assert is_serving_due(data, first, NAMES, START + SERVING_LIFETIME * share) is due


def test_other_names_or_another_signer_make_it_due(first: Authorities) -> None:
    data = serving(first)

    assert is_serving_due(data, first, NAMES[:1], START)
    assert is_serving_due(data, Authorities(current=make_authority(START)), NAMES, START)


def test_no_key_shows_in_a_repr(first: Authorities) -> None:
    assert b"PRIVATE" not in repr(first).encode()
    assert isinstance(first.current, Pair)
