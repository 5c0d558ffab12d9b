"""Names and references."""

import pytest

from vaultbind.api import names
from vaultbind.api.refs import ObjectKey, VaultObjectKind, VaultObjectRef


def test_each_merging_binding_has_its_own_manager_and_digest() -> None:
    assert names.merge_field_manager("u1") == "vaultbind-u1"
    assert names.merge_source_annotation("u1") == "vaultbind.dev/source.u1"


@pytest.mark.parametrize(
    ("reference", "text"),
    [
        (ObjectKey("KeyVault", "shop", "a"), "KeyVault shop/a"),
        (ObjectKey("ClusterKeyVault", "", "a"), "ClusterKeyVault a"),
        (VaultObjectRef(VaultObjectKind.SECRET, "a"), "secret a"),
        (VaultObjectRef(VaultObjectKind.KEY, "a", "v"), "key a/v"),
    ],
)
def test_references_as_messages_tell_them(reference: object, text: str) -> None:
    assert str(reference) == text
