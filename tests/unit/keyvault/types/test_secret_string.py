"""A SecretString gives its text to nobody but `expose_secret`."""

import copy
import dataclasses
import json
import logging
import pickle

import orjson
import pytest

from vaultbind.keyvault.types.common import ObjectKind, SecretString
from vaultbind.keyvault.types.secret import Secret, SecretProperties

VALUE = "correct horse battery staple"
SECRET = SecretString(VALUE)
WHOLE = Secret(value=SECRET, properties=SecretProperties(id="https://v/secrets/a/1", name="a", version="1"))


@pytest.mark.parametrize(
    "shown", [SECRET, WHOLE, [SECRET], {"a": WHOLE}], ids=["alone", "secret", "list", "dict"]
)
def test_not_shown(shown: object) -> None:
    forms = (repr(shown), str(shown), f"{shown}", f"{shown!s:>60}", "%s %r" % (shown, shown))  # noqa: UP031

    assert not any(word in form for form in forms for word in VALUE.split())


def test_format_takes_any_specification() -> None:
    assert f"{SECRET:>80}" == "***"


def test_logging_does_not_show_it(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("x").warning("got %s of %r", SECRET, WHOLE)

    assert "horse" not in caplog.text


REFUSED = [
    ("pickle", lambda: pickle.dumps(SECRET)),
    ("old pickle", lambda: pickle.dumps(SECRET, protocol=0)),
    ("pickle of a secret", lambda: pickle.dumps(WHOLE)),
    ("json", lambda: json.dumps({"a": SECRET})),
    ("orjson", lambda: orjson.dumps(WHOLE)),
    ("getstate", SECRET.__getstate__),
    ("hash", lambda: hash(SECRET)),
    ("vars", lambda: vars(SECRET)),
]


@pytest.mark.parametrize("attempt", [row[1] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_refused(attempt: object) -> None:
    with pytest.raises(TypeError) as caught:
        attempt()  # type: ignore[operator]
    assert "horse" not in str(caught.value)


def test_exposed_on_demand() -> None:
    assert SECRET.expose_secret() == VALUE


def test_copies_are_itself() -> None:
    assert copy.copy(SECRET) is SECRET
    assert copy.deepcopy(SECRET) is SECRET
    assert dataclasses.asdict(WHOLE)["value"] is SECRET


def test_equality() -> None:
    assert SecretString("ä\ud800") == SecretString("ä\ud800")
    assert SecretString("a") != SecretString("b")
    assert SecretString("a") != "a"


def test_equality_takes_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def compare(mine: bytes, other: bytes) -> bool:
        compared.append((mine, other))
        return True

    monkeypatch.setattr("hmac.compare_digest", compare)

    assert SecretString("a") == SecretString("b")
    assert compared == [(b"a", b"b")]


def test_kinds_name_their_collection() -> None:
    assert [kind.collection for kind in ObjectKind] == ["secrets", "certificates", "keys"]
    assert WHOLE.properties.kind is ObjectKind.SECRET
