"""Which keys messages name: never one whose name may be a part of a value."""

from dataclasses import replace

import pytest

from tests.unit.bindings.objects import FACTS, content_of
from vaultbind.api.binding import BindingSpec, TlsEntry
from vaultbind.api.data_from import ExtractEntry
from vaultbind.bindings.told import tell_keys

CLOSED = FACTS.spec
OPEN = replace(CLOSED, data_from=(TlsEntry(name="web"), ExtractEntry(name="a")))
CONTENT = replace(content_of(known=b"", hidden=b""), told=frozenset({"known"}))

CASES = [
    ("all may be named", CLOSED, ["known"], {"known"}, "keys known"),
    ("one may not", CLOSED, ["hidden", "known"], {"known", "hidden"}, "keys known and 1 more"),
    ("none may", OPEN, ["hidden"], {"hidden"}, "1 key"),
    ("several may not", OPEN, ["hidden", "gone"], {"hidden", "gone"}, "2 keys"),
    ("ours that goes", CLOSED, ["gone", "known"], {"gone", "known"}, "keys known and 1 more"),
    ("somebody else's that goes", CLOSED, ["theirs", "known"], {"known"}, "keys known, theirs"),
    ("somebody else's under an open spec", OPEN, ["theirs", "known"], {"known"}, "keys known and 1 more"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("spec", "keys", "ours", "words"), [row[1:] for row in CASES], ids=[row[0] for row in CASES]
)
def test_words_for_keys(spec: BindingSpec, keys: list[str], ours: set[str], words: str) -> None:
    assert tell_keys(replace(FACTS, spec=spec), CONTENT, keys, ours) == words
