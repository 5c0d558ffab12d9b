"""Values out of drafts are what the constructor would have made, to the last member."""

import copy
import dataclasses
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from vaultbind.keyvault.types.certificate import CertificateProperties
from vaultbind.keyvault.types.common import ObjectProperties
from vaultbind.keyvault.types.key import KeyProperties
from vaultbind.keyvault.types.secret import SecretProperties
from vaultbind.keyvault.wire.certificates import parse_certificate_properties
from vaultbind.keyvault.wire.documents import Json, parse_moment
from vaultbind.keyvault.wire.drafts import freeze, make_draft_class
from vaultbind.keyvault.wire.keys import parse_key, parse_key_properties
from vaultbind.keyvault.wire.secrets import parse_secret_properties

ID = "https://shop.vault.azure.net/things/one/0123"
ATTRIBUTES = {
    "enabled": False,
    "nbf": 1,
    "exp": 2,
    "created": 3,
    "updated": 4,
    "recoveryLevel": "Recoverable",
    "recoverableDays": 7,
}
COMMON: Json = {
    "id": ID,
    "name": "one",
    "version": "0123",
    "enabled": False,
    "tags": {"a": "b"},
    "not_before": parse_moment(1),
    "expires_on": parse_moment(2),
    "created_on": parse_moment(3),
    "updated_on": parse_moment(4),
    "recovery_level": "Recoverable",
    "recoverable_days": 7,
}
FULL: Json = {"id": ID, "kid": ID, "attributes": ATTRIBUTES, "tags": {"a": "b"}, "managed": True}

Case = tuple[Callable[[Json], ObjectProperties], Json, ObjectProperties]
CASES: dict[str, Case] = {
    "a secret": (
        parse_secret_properties,
        {**FULL, "contentType": "text", "previousVersion": "p"},
        SecretProperties(**COMMON, content_type="text", managed=True, key_id=ID, previous_version="p"),
    ),
    "a secret with nothing but an id": (
        parse_secret_properties,
        {"id": "https://shop.vault.azure.net/secrets/one"},
        SecretProperties(id="https://shop.vault.azure.net/secrets/one", name="one"),
    ),
    "a key in a list": (
        parse_key_properties,
        {**FULL, "attributes": {**ATTRIBUTES, "exportable": True}},
        KeyProperties(**COMMON, managed=True, exportable=True),
    ),
    "a whole key": (
        lambda data: parse_key(data).properties,
        {**FULL, "key": {"kid": ID, "kty": "EC"}},
        KeyProperties(**COMMON, managed=True, key_type="EC"),
    ),
    "a certificate": (
        parse_certificate_properties,
        {**FULL, "x5t": "AQI", "subject": "CN=one"},
        CertificateProperties(**COMMON, x509_thumbprint=b"\1\2", subject="CN=one"),
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_value_from_a_draft_is_as_if_constructed(case: Case) -> None:
    parse, data, wanted = case
    found = parse(data)

    assert found == wanted
    assert type(found) is type(wanted)
    assert repr(found) == repr(wanted), "which reads every member"
    assert dataclasses.replace(found, name="two").name == "two"
    assert copy.deepcopy(found) == wanted
    assert pickle.loads(pickle.dumps(found)) == wanted


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_was_frozen_stays_so(case: Case) -> None:
    parse, data, wanted = case
    found: Any = parse(data)

    with pytest.raises(dataclasses.FrozenInstanceError):
        found.name = "two"
    with pytest.raises(dataclasses.FrozenInstanceError):
        del found.name
    assert found == wanted


def test_a_draft_has_the_members_of_its_class_and_no_others() -> None:
    draft = make_draft_class(SecretProperties)()
    with pytest.raises(AttributeError):
        _ = draft.name
    with pytest.raises(AttributeError):
        draft.nmae = "a slip of the pen"
    draft.name = "one"

    assert freeze(draft, SecretProperties).name == "one"
