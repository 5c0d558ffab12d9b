"""Certificates renew themselves when time moves, at the moments that their policies name."""

from itertools import pairwise
from typing import Any

import pytest

from vaultbind.keyvault.simulation import Kind, SimulatedVault, VaultSettings
from vaultbind.keyvault.simulation.bundles import render_pfx
from vaultbind.keyvault.simulation.certificates import Upload
from vaultbind.keyvault.simulation.changes import Changes
from vaultbind.keyvault.simulation.issuance import MOST_RENEWALS
from vaultbind.keyvault.simulation.issuers import IssuerChange
from vaultbind.keyvault.simulation.issuing import issue_chain
from vaultbind.keyvault.simulation.renewal import renewal_time

NOW = 1_800_000_000
DAY = 86_400


def action(kind: str = "AutoRenew", **trigger: int) -> dict[str, Any]:
    return {"trigger": trigger, "action": {"action_type": kind}}


def policy(*actions: dict[str, Any], issuer: str = "Self", **key: Any) -> dict[str, Any]:
    return {
        "key_props": {"kty": "EC", "crv": "P-256", **key},
        "x509_props": {"subject": "CN=a.test", "validity_months": 12},
        "issuer": {"name": issuer},
        "lifetime_actions": list(actions),
    }


def made(wanted: dict[str, Any], settings: VaultSettings | None = None) -> SimulatedVault:
    vault = SimulatedVault("shop", settings)
    vault.certificates.issuers.set("ca", IssuerChange(provider="Test"), NOW)
    vault.certificates.create("tls", wanted, now=NOW, changes=Changes(tags={"team": "shop"}))
    vault.advance(now=NOW + vault.settings.issuance_seconds)
    return vault


def versions(vault: SimulatedVault) -> int:
    return len(vault.versions(Kind.CERTIFICATES, "tls"))


@pytest.mark.parametrize(
    ("actions", "issuer", "expected"),
    [
        pytest.param([action(lifetime_percentage=80)], "Self", 80 * DAY, id="percentage"),
        pytest.param([action(days_before_expiry=10)], "Self", 90 * DAY, id="days"),
        pytest.param(
            [action(days_before_expiry=10), action(lifetime_percentage=50)],
            "Self",
            50 * DAY,
            id="the earlier of two",
        ),
        pytest.param([action("EmailContacts", lifetime_percentage=10)], "Self", None, id="a mail only"),
        pytest.param([], "Self", None, id="no action"),
        pytest.param([action(lifetime_percentage=80)], "Unknown", None, id="nobody could sign"),
    ],
)
def test_when_a_certificate_renews(actions: list[dict[str, Any]], issuer: str, expected: int | None) -> None:
    assert renewal_time(policy(*actions, issuer=issuer), 0, 100 * DAY) == expected


@pytest.mark.parametrize("issuer", ["Self", "ca"])
def test_a_renewal_comes_at_its_moment_with_a_new_key_and_the_old_tags(issuer: str) -> None:
    vault = made(policy(action(days_before_expiry=30), issuer=issuer))
    first = vault.certificates.get("tls")
    assert first.attributes.expires is not None
    moment = first.attributes.expires - 30 * DAY
    vault.advance(now=moment - 1)
    assert versions(vault) == 1
    vault.advance(now=moment + 3 * DAY)
    second = vault.certificates.get("tls")
    assert (versions(vault), second.attributes.created, second.tags) == (2, moment, {"team": "shop"})
    assert vault.keys.get("tls").public != vault.keys.get("tls", first.version).public
    assert vault.certificates.get_pending("tls").status == "completed"


def test_a_renewal_may_keep_the_key() -> None:
    vault = made(policy(action(lifetime_percentage=80), reuse_key=True))
    first = vault.certificates.get("tls")
    vault.advance(now=NOW + 300 * DAY)
    assert versions(vault) == 2
    assert vault.keys.get("tls").public == vault.keys.get("tls", first.version).public


@pytest.mark.parametrize(
    ("key", "is_kept"),
    [({}, True), ({"crv": "P-384"}, False), ({"kty": "EC-HSM"}, False), ({"kty": "RSA"}, False)],
    ids=["the same", "another curve", "another type", "another algorithm"],
)
def test_a_key_is_kept_only_where_it_is_what_the_policy_wants(key: dict[str, Any], is_kept: bool) -> None:
    vault = made(policy(reuse_key=True))
    first = vault.keys.get("tls").public
    vault.certificates.create("tls", policy(reuse_key=True, **{"key_size": 2048, **key}), now=NOW)
    assert (vault.keys.get("tls").public == first) is is_kept


def test_an_issuer_takes_its_time_for_renewals_too() -> None:
    vault = made(policy(action(days_before_expiry=30)), VaultSettings(issuance_seconds=60))
    expires = vault.certificates.get("tls").attributes.expires
    assert expires is not None
    vault.advance(now=expires - 30 * DAY)
    assert (versions(vault), vault.certificates.get_pending("tls").status) == (1, "inProgress")
    vault.advance(now=expires - 30 * DAY + 60)
    assert (versions(vault), vault.certificates.get_pending("tls").status) == (2, "completed")


def test_a_leap_of_years_makes_each_version_on_its_day() -> None:
    vault = made(policy(action(lifetime_percentage=80)))
    vault.advance(now=NOW + 3 * 365 * DAY)
    created = sorted(record.attributes.created for record in vault.versions(Kind.CERTIFICATES, "tls"))
    gaps = [(later - earlier) // DAY for earlier, later in pairwise(created)]
    assert len(created) == 4
    assert all(288 <= gap <= 293 for gap in gaps)


def test_a_leap_makes_only_so_many_versions_and_ends_with_a_fresh_one() -> None:
    vault = made(policy(action(lifetime_percentage=1)))
    end = NOW + 5 * 365 * DAY
    vault.advance(now=end)
    assert versions(vault) == MOST_RENEWALS + 2
    assert vault.certificates.get("tls").attributes.created == end


@pytest.mark.parametrize(
    "prevent",
    [
        pytest.param(
            lambda v: v.certificates.update("tls", now=NOW + 1, changes=Changes(enabled=False)), id="disabled"
        ),
        pytest.param(
            lambda v: v.certificates.update_policy(
                "tls", {"lifetime_actions": [action("EmailContacts", lifetime_percentage=80)]}, now=NOW + 1
            ),
            id="the policy was changed",
        ),
        pytest.param(
            lambda v: v.certificates.create("tls", policy(issuer="Unknown"), now=NOW + 1),
            id="a creation waits for a merge",
        ),
    ],
)
def test_what_keeps_a_certificate_from_renewing(prevent: Any) -> None:
    vault = made(policy(action(lifetime_percentage=80)))
    prevent(vault)
    vault.advance(now=NOW + 330 * DAY)
    assert versions(vault) == 1


def test_a_deleted_certificate_renews_once_it_is_recovered() -> None:
    vault = made(policy(action(lifetime_percentage=80)))
    vault.certificates.delete("tls", now=NOW + 250 * DAY)
    vault.advance(now=NOW + 320 * DAY)
    vault.certificates.recover("tls", now=NOW + 320 * DAY)
    assert versions(vault) == 1
    vault.advance(now=NOW + 320 * DAY)
    assert vault.certificates.get("tls").attributes.created == NOW + 320 * DAY


def test_a_changed_policy_may_make_a_certificate_due_at_once() -> None:
    vault = made(policy(action("EmailContacts", lifetime_percentage=80)))
    later = NOW + 330 * DAY
    vault.advance(now=later)
    vault.certificates.update_policy("tls", {"lifetime_actions": [action(days_before_expiry=60)]}, now=later)
    vault.advance(now=later)
    assert versions(vault) == 2


def test_a_renewal_that_failed_is_tried_again_a_day_later() -> None:
    vault = made(policy(action(days_before_expiry=30), issuer="ca"))
    expires = vault.certificates.get("tls").attributes.expires
    assert expires is not None
    moment = expires - 30 * DAY
    vault.certificates.issuers.update("ca", IssuerChange(enabled=False), NOW)
    vault.advance(now=moment)
    assert (versions(vault), vault.certificates.get_pending("tls").status) == (1, "failed")
    vault.certificates.issuers.update("ca", IssuerChange(enabled=True), moment)
    vault.advance(now=moment + DAY - 1)
    assert versions(vault) == 1
    vault.advance(now=moment + DAY)
    assert (versions(vault), vault.certificates.get_pending("tls").status) == (2, "completed")


def test_an_import_is_not_renewed_unless_its_policy_names_an_issuer() -> None:
    chain = issue_chain(["a.test"], not_before=NOW, not_after=NOW + 100 * DAY)
    vault = SimulatedVault("shop")
    vault.certificates.import_certificate("tls", Upload(value=render_pfx(chain.bundle())), now=NOW)
    vault.advance(now=NOW + 200 * DAY)
    assert versions(vault) == 1
    change = {"issuer": {"name": "Self"}, "lifetime_actions": [action(lifetime_percentage=80)]}
    vault.certificates.update_policy("tls", change, now=NOW + 200 * DAY)
    vault.advance(now=NOW + 200 * DAY)
    assert versions(vault) == 2
