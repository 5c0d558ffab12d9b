"""What a read of a certificate shows is kept for the version that a list has shown, and for no other."""

from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.unit.expiry.test_vaults import BORN, NOW, facts_of
from vaultbind.api.refs import ObjectKey
from vaultbind.expiry import ends
from vaultbind.expiry.ends import Ends
from vaultbind.expiry.reads import OwnReads
from vaultbind.keyvault import CertificateProperties

VAULT = ObjectKey("ClusterKeyVault", "", "shop")
END = NOW + timedelta(days=3)


def certificate(created: datetime) -> CertificateProperties:
    """One without an attribute that says when it ends: it is read at once."""
    return CertificateProperties(id="", name="web", created_on=created, updated_on=created)


class Reads:
    """Of one certificate, as it is when it is read."""

    def __init__(self, created: datetime) -> None:
        self.found = SimpleNamespace(properties=certificate(created), version="v9")

    def session_of(self, keyvault: ObjectKey) -> Any:
        nobody: dict[str, set[str]] = {}
        book = SimpleNamespace(users=lambda members, ref: nobody.get(ref.name, members))
        return SimpleNamespace(known=SimpleNamespace(sightings={}), book=book, members=set())

    def may(self, keyvault: ObjectKey, key: object) -> bool:
        return True

    async def ask(self, *arguments: object) -> Any:
        return self.found


@pytest.mark.parametrize(
    ("created", "ends_on"),
    [(BORN, END), (BORN + timedelta(days=1), None)],
    ids=["the version of the list", "one that came meanwhile"],
)
async def test_an_end_belongs_to_one_version(
    monkeypatch: pytest.MonkeyPatch, created: datetime, ends_on: datetime | None
) -> None:
    monkeypatch.setattr(ends, "end_of", lambda _: END)
    room = Ends(reads=cast("OwnReads", Reads(created)), has_asked=lambda *_: True)
    learned = await room.learn(VAULT, facts_of(certificate(BORN)))
    (found,) = learned.objects
    assert found.expires_on == ends_on
    assert found.version == ("v9" if ends_on else "")
