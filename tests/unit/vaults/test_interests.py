"""The book of interests against the simplest model: a dictionary."""

from hypothesis import given
from hypothesis import strategies as st

from vaultbind.api.data_from import FindEntry
from vaultbind.api.refs import ObjectKey, VaultObjectKind, VaultObjectRef
from vaultbind.vaults.interests import InterestBook

READERS = [ObjectKey("VaultBinding", "n", name) for name in "abc"]
VAULTS = [ObjectKey("KeyVault", "n", name) for name in "xy"]
REFS = [VaultObjectRef(VaultObjectKind.SECRET, name) for name in ("a", "B", "3")]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(READERS),
        st.none() | st.tuples(st.sampled_from(VAULTS), st.frozensets(st.sampled_from(REFS))),
    ),
    max_size=30,
)


@given(STEPS)
def test_it_knows_what_a_dictionary_knows(
    steps: list[tuple[ObjectKey, tuple[ObjectKey, frozenset[VaultObjectRef]] | None]],
) -> None:
    book = InterestBook()
    model: dict[ObjectKey, tuple[ObjectKey, frozenset[VaultObjectRef]]] = {}
    for reader, wanted in steps:
        if wanted is None:
            book.drop(reader)
            model.pop(reader, None)
        else:
            book.note(reader, *wanted)
            model[reader] = wanted
        pairs = {(vault, ref) for vault, refs in model.values() for ref in refs}
        for ref in REFS:
            found = book.find_named(ref.name.upper())
            assert len(found) == len(set(found))
            assert set(found) == {(vault, other) for vault, other in pairs if other == ref}
    for reader in READERS:
        assert book.vault_of(reader) == (model[reader][0] if reader in model else None)
    for vault in VAULTS:
        readers = {reader for reader, (name, _) in model.items() if name == vault}
        assert set(book.readers_of(vault)) == readers
    for vaults in ([VAULTS[0]], [VAULTS[1]], VAULTS, []):
        wants = {reader: refs for reader, (name, refs) in model.items() if name in vaults}
        assert book.refs(vaults) == frozenset().union(*wants.values())
        for ref in REFS:
            assert book.users(vaults, ref) == {reader for reader, refs in wants.items() if ref in refs}
    for reader in READERS:
        book.drop(reader)
    assert book == InterestBook()


def test_those_who_look_for_objects_are_known_by_their_vault() -> None:
    book = InterestBook()
    entries = (FindEntry(regexp="a"),)
    book.note(READERS[0], VAULTS[0], (), entries)
    book.note(READERS[1], VAULTS[0], REFS)
    assert book.finders(VAULTS) == book.finders(VAULTS[:1]) == {READERS[0]: entries}
    assert book.finders(VAULTS[1:]) == {}
    book.note(READERS[0], VAULTS[1], REFS, entries)
    assert book.finders(VAULTS[1:]) == {READERS[0]: entries}
    book.note(READERS[0], VAULTS[1], REFS)
    assert book.finders(VAULTS) == {}, "the refs are the same, but it looks for nothing any more"
    book.note(READERS[0], VAULTS[1], REFS, entries)
    book.drop(READERS[0])
    assert book.finders(VAULTS) == {}


def test_who_asks_cannot_change_the_book() -> None:
    book = InterestBook()
    book.note(READERS[0], VAULTS[0], REFS[:1])
    book.users(VAULTS, REFS[0]).clear()
    assert book.users(VAULTS, REFS[0]) == {READERS[0]}
