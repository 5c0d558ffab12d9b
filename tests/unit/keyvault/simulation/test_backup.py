"""Backups: what comes back is what was there, in vaults of the same subscription, under a free name."""

from typing import Any

import pytest

from tests.unit.keyvault.simulation.desk import Desk
from vaultbind.keyvault.simulation import SimulatedVault, VaultProblem, VaultSettings
from vaultbind.keyvault.simulation.backup import MAX_VERSIONS, render_backup, restore_backup
from vaultbind.keyvault.simulation.keymaterial import decode, encode
from vaultbind.keyvault.simulation.records import Kind

POLICY = {
    "key_props": {"kty": "EC", "crv": "P-256"},
    "x509_props": {"subject": "CN=a.test"},
    "issuer": {"name": "Self"},
}
ROTATE = {"lifetimeActions": [{"trigger": {"timeAfterCreate": "P2M"}, "action": {"type": "Rotate"}}]}


def filled() -> Desk:
    desk = Desk()
    for number in range(3):
        desk.ask("PUT", "/secrets/s", {"value": f"v{number}", "tags": {"n": str(number)}})
        desk.pass_time(1)
    desk.ask("POST", "/keys/k/create", {"kty": "EC", "key_ops": ["sign"]})
    desk.ask("PUT", "/keys/k/rotationpolicy", ROTATE)
    desk.ask("POST", "/certificates/c/create", {"policy": POLICY})
    assert desk.ask("GET", "/certificates/c/pending")[1]["status"] == "completed"
    return desk


def pictures(desk: Desk, host: str) -> list[Any]:
    paths = (
        "/secrets/{n}",
        "/secrets/{n}/versions",
        "/keys/{n}",
        "/keys/{n}/rotationpolicy",
        "/certificates/{n}",
    )
    answers = [desk.ask("GET", path.format(n=name), host=host) for path in paths for name in ("s", "k", "c")]
    found = [content for status, content in answers if status == 200]
    for content in found:
        content.pop("pending", None)  # a certificate's past operation is no part of it
    return found


@pytest.mark.parametrize(("kind", "name"), [("secrets", "s"), ("keys", "k"), ("certificates", "c")])
def test_an_object_comes_back_as_it_was_after_a_purge(kind: str, name: str) -> None:
    desk = filled()
    before = pictures(desk, "shop.vault.azure.net")
    status, backup = desk.ask("POST", f"/{kind}/{name}/backup")
    assert (status, set(backup)) == (200, {"value"})
    desk.ask("DELETE", f"/{kind}/{name}")
    assert desk.refusal("POST", f"/{kind}/restore", backup) == (409, "ObjectIsDeletedButRecoverable")
    desk.ask("DELETE", f"/deleted{kind}/{name}")
    assert pictures(desk, "shop.vault.azure.net") != before
    status, restored = desk.ask("POST", f"/{kind}/restore", backup)
    assert status == 200
    assert pictures(desk, "shop.vault.azure.net") == before
    assert "value" not in restored
    assert desk.refusal("POST", f"/{kind}/restore", backup)[0] == 409


def test_another_vault_of_the_subscription_takes_a_backup_with_all_versions() -> None:
    desk = filled()
    _, backup = desk.ask("POST", "/secrets/s/backup")
    desk.ask("POST", "/secrets/restore", backup, host="other.vault.azure.net")
    _, items = desk.ask("GET", "/secrets/s/versions", host="other.vault.azure.net")
    values = [
        desk.ask("GET", "/" + item["id"].split("/", 3)[3], host="other.vault.azure.net")[1]["value"]
        for item in items["value"]
    ]
    assert sorted(values) == ["v0", "v1", "v2"]
    assert desk.ask("GET", "/secrets/s", host="other.vault.azure.net")[1]["value"] == "v2"


def test_the_key_of_a_certificate_has_no_backup_of_its_own() -> None:
    desk = filled()
    assert desk.refusal("POST", "/keys/c/backup") == (403, "KeyManagedByKeyVault")
    assert desk.refusal("POST", "/secrets/c/backup") == (403, "SecretManagedByKeyVault")
    assert desk.refusal("POST", "/secrets/none/backup") == (404, "SecretNotFound")


def test_a_certificate_is_not_restored_over_a_secret_of_its_name() -> None:
    desk = filled()
    _, backup = desk.ask("POST", "/certificates/c/backup")
    other = {"host": "other.vault.azure.net"}
    desk.ask("PUT", "/secrets/c", {"value": "x"}, **other)
    assert desk.refusal("POST", "/certificates/restore", backup, **other)[0] == 409
    assert desk.refusal("GET", "/certificates/c", **other)[0] == 404
    assert desk.refusal("GET", "/keys/c", **other)[0] == 404


def vault(subscription: str) -> SimulatedVault:
    return SimulatedVault("v", VaultSettings(subscription=subscription))


def test_another_subscription_refuses_a_backup_and_nothing_can_be_read_of_it() -> None:
    ours = vault("ours")
    ours.secrets.set("s", "hunter2hunter2", now=1)
    blob = render_backup(ours, Kind.SECRETS, "s")
    assert b"hunter2" not in decode(blob)
    with pytest.raises(VaultProblem, match="subscription"):
        restore_backup(vault("theirs"), Kind.SECRETS, blob, now=2)


def damage(blob: str) -> str:
    data = bytearray(decode(blob))
    data[-1] ^= 1
    return encode(bytes(data))


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(damage, id="one bit"),
        pytest.param(lambda blob: blob[:-8], id="cut"),
        pytest.param(lambda _: "AAAA", id="something else"),
        pytest.param(lambda blob: blob[:24], id="nothing but the mark"),
    ],
)
def test_a_damaged_backup_is_refused(spoil: Any) -> None:
    ours = vault("ours")
    ours.secrets.set("s", "x", now=1)
    blob = spoil(render_backup(ours, Kind.SECRETS, "s"))
    ours.secrets.delete("s", now=2)
    ours.purge(Kind.SECRETS, "s", now=3)
    with pytest.raises(VaultProblem, match="BadParameter"):
        restore_backup(ours, Kind.SECRETS, blob, now=4)


@pytest.mark.parametrize("body", [{}, {"value": 7}, {"value": "no base64!"}])
def test_what_is_no_backup(body: dict[str, Any]) -> None:
    assert Desk().refusal("POST", "/secrets/restore", body) == (400, "BadParameter")


def test_a_backup_is_of_one_kind_and_of_so_many_versions() -> None:
    ours = vault("ours")
    for number in range(MAX_VERSIONS):
        ours.secrets.set("s", str(number), now=number)
    blob = render_backup(ours, Kind.SECRETS, "s")
    with pytest.raises(VaultProblem, match="another kind"):
        restore_backup(ours, Kind.KEYS, blob, now=9)
    ours.secrets.set("s", "one more", now=MAX_VERSIONS)
    with pytest.raises(VaultProblem, match="500 versions"):
        render_backup(ours, Kind.SECRETS, "s")
