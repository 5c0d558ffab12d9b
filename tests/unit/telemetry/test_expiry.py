"""What a scrape shows of expiry."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from prometheus_client.parser import text_string_to_metric_families

from vaultbind.api.refs import ObjectKey
from vaultbind.keyvault import SecretProperties
from vaultbind.keyvault.rotation.judgement import Event, Telling, Validity
from vaultbind.telemetry.expiry import MOST_SERIES
from vaultbind.telemetry.metrics import Metrics

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
HOST = "shop.vault.azure.net"
ONE, TWO = ObjectKey("ClusterKeyVault", "", "shop"), ObjectKey("KeyVault", "web", "shop")


def secrets(count: int) -> Sequence[SecretProperties]:
    """The first expires first, the last never."""
    ends = [*(NOW + timedelta(days=number) for number in range(count - 1)), None]
    return [SecretProperties(id="", name=f"s-{number}", expires_on=end) for number, end in enumerate(ends)]


def shown(metrics: Metrics, name: str) -> dict[tuple[str, ...], float]:
    """Samples by the values of their labels, in the order of the labels' names."""
    families = text_string_to_metric_families(metrics.render()[0].decode())
    return {
        tuple(value for _, value in sorted(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
        if sample.name == name
    }


EXPIRY = "vaultbind_object_expiry_timestamp_seconds"


def test_objects_that_expire_are_shown_by_name_and_once() -> None:
    metrics = Metrics()
    for key in (ONE, TWO):
        metrics.expiry.judged(key, HOST, {}, secrets(3), NOW)
    assert shown(metrics, EXPIRY) == {
        ("secret", "s-0", HOST): NOW.timestamp(),
        ("secret", "s-1", HOST): (NOW + timedelta(days=1)).timestamp(),
    }


def test_only_those_that_expire_first_are_shown() -> None:
    metrics = Metrics()
    metrics.expiry.judged(ONE, HOST, {}, secrets(MOST_SERIES + 100), NOW - timedelta(days=1))
    names = {name for _, name, _ in shown(metrics, EXPIRY)}
    assert names == {f"s-{number}" for number in range(MOST_SERIES)}


def test_what_has_expired_long_ago_hides_nothing_that_will() -> None:
    metrics = Metrics()
    old = [
        SecretProperties(id="", name=f"old-{number}", expires_on=NOW - timedelta(days=number))
        for number in range(MOST_SERIES)
    ]
    metrics.expiry.judged(ONE, HOST, {}, [*old, *secrets(3)], NOW)
    metrics.expiry.judged(TWO, "web.vault.azure.net", {}, old, NOW)
    names = [name for _, name, _ in shown(metrics, EXPIRY)]
    assert len(names) == MOST_SERIES
    assert "s-1" in names
    assert "old-1" in names
    assert "old-499" not in names, "the last ones to go stay"


def test_a_disabled_object_is_not_shown_by_name() -> None:
    metrics = Metrics()
    ends = NOW + timedelta(days=1)
    metrics.expiry.judged(
        ONE, HOST, {}, [SecretProperties(id="", name="a", expires_on=ends, enabled=False)], NOW
    )
    assert shown(metrics, EXPIRY) == {}


def test_states_are_counted_for_each_keyvault_until_it_goes() -> None:
    metrics = Metrics()
    metrics.expiry.judged(ONE, HOST, {Validity.EXPIRED: 1, Validity.VALID: 2}, secrets(3), NOW)
    metrics.expiry.judged(TWO, HOST, {Validity.DISABLED: 4}, secrets(1), NOW)
    counts = {key: value for key, value in shown(metrics, "vaultbind_objects").items() if value}
    assert counts == {
        ("shop", "Expired", HOST): 1,
        ("shop", "Valid", HOST): 2,
        ("web/shop", "Disabled", HOST): 4,
    }
    metrics.expiry.forgotten(ONE)
    assert {key[0] for key in shown(metrics, "vaultbind_objects")} == {"web/shop"}
    assert shown(metrics, EXPIRY) == {}


def test_what_is_told_is_counted() -> None:
    metrics = Metrics()
    telling = Telling(event=Event.EXPIRED, properties=secrets(1)[0])
    metrics.expiry.told(HOST, [telling, telling])
    assert shown(metrics, "vaultbind_expiry_told_total") == {("Expired", HOST): 2}
