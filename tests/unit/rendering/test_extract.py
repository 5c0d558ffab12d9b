"""`dataFrom.extract`: entries of JSON, YAML and lines, and that a refused value shows nothing of itself."""

import json

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from vaultbind.api.data_from import ExtractFormat
from vaultbind.rendering.extract import MAX_ENTRIES, ExtractError, extract_entries
from vaultbind.rendering.json_property import MAX_DEPTH
from vaultbind.rendering.yaml_value import LONGEST

JSON, YAML, ENV = ExtractFormat.JSON, ExtractFormat.YAML, ExtractFormat.ENV

TAKEN = [
    ("a text", JSON, '{"a": "x y\\n"}', {"a": b"x y\n"}),
    ("an empty text", JSON, '{"a": ""}', {"a": b""}),
    ("null is empty", JSON, '{"a": null}', {"a": b""}),
    ("numbers as written", JSON, '{"a": 1.50, "b": 1e400, "c": -0}',
     {"a": b"1.50", "b": b"1e400", "c": b"-0"}),
    ("booleans", JSON, '{"a": true, "b": false}', {"a": b"true", "b": b"false"}),
    ("a map", JSON, '{"a": {"z": [1, null, "\u00e4"], "b": 2.0}}',
     {"a": '{"z":[1,null,"ä"],"b":2.0}'.encode()}),
    ("a list", JSON, '{"a": [ ]}', {"a": b"[]"}),
    ("the last of equal names", JSON, '{"a": 1, "b": 2, "a": 3}', {"a": b"3", "b": b"2"}),
    ("no entry", JSON, "{}", {}),
    ("a mark of order", JSON, '\ufeff{"a": 1}', {"a": b"1"}),
    ("a dot is no path", JSON, '{"a.b": 1}', {"a.b": b"1"}),
    ("plain", YAML, "a: x y\nb: 'it''s'\n", {"a": b"x y", "b": b"it's"}),
    ("a block", YAML, "a: |\n  one\n  two\n", {"a": b"one\ntwo\n"}),
    ("quoted words are texts", YAML, 'a: "null"\nb: "true"\nc: ["1", 1]',
     {"a": b"null", "b": b"true", "c": b'["1",1]'}),
    ("nothing is empty", YAML, "a:\nb: ~\nc: null\nd: ''", dict.fromkeys("abcd", b"")),
    ("words of YAML 1.1 are texts", YAML, "a: yes\nb: [on, NO]", {"a": b"yes", "b": b'["on","NO"]'}),
    ("no octal number", YAML, "a: 0123\nb: [0x1F, 1_000]", {"a": b"0123", "b": b'["0x1F","1_000"]'}),
    ("no time and no sexagesimal", YAML, "a: 2026-11-26\nb: [1:30]", {"a": b"2026-11-26", "b": b'["1:30"]'}),
    ("numbers of YAML as written", YAML, "a: 1.50\nb: [1.50, -2e3]", {"a": b"1.50", "b": b"[1.50,-2e3]"}),
    ("booleans of YAML", YAML, "a: True\nb: [FALSE]", {"a": b"true", "b": b"[false]"}),
    ("flow style is JSON", YAML, '{"a": {"b": [1, {"c": null}]}}', {"a": b'{"b":[1,{"c":null}]}'}),
    ("names as written", YAML, "on: 1\n1.0: 2\n", {"on": b"1", "1.0": b"2"}),
    ("the last of equal names in YAML", YAML, "a: 1\na: 2", {"a": b"2"}),
    ("a marked document", YAML, "---\na: 1\n...\n", {"a": b"1"}),
    ("an empty map", YAML, "{}", {}),
    ("lines", ENV, "A=1\nB=x y \n", {"A": b"1", "B": b"x y "}),
    ("comments and blank lines", ENV, "# A=0\n\n  # B=0\n  A=1", {"A": b"1"}),
    ("nothing is unquoted or expanded", ENV, "A=\"x\"\nB='y' # z\nC=$A",
     {"A": b'"x"', "B": b"'y' # z", "C": b"$A"}),
    ("the first = divides", ENV, "A=b=c==", {"A": b"b=c=="}),
    ("lines of Windows", ENV, "A=1\r\nB=2\r\n", {"A": b"1", "B": b"2"}),
    ("an empty value", ENV, "A=", {"A": b""}),
    ("the last of equal lines", ENV, "A=1\nA=2", {"A": b"2"}),
    ("other marks of lines are text", ENV, "A=1\u20282\x0b3", {"A": "1\u20282\x0b3".encode()}),
    ("no line", ENV, "\n# nothing\n", {}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("form", "text", "entries"), [row[1:] for row in TAKEN], ids=[row[0] for row in TAKEN]
)
def test_entries(form: ExtractFormat, text: str, entries: dict[str, bytes]) -> None:
    assert extract_entries(text, form) == entries
    assert list(extract_entries(text, form)) == list(entries)


DEEP = MAX_DEPTH + 1
REFUSED = [
    ("no JSON", JSON, "hush", "is not JSON"),
    ("a list of JSON", JSON, '["hush"]', "is no JSON object"),
    ("a text of JSON", JSON, '"hush"', "is no JSON object"),
    ("null", JSON, "null", "is no JSON object"),
    ("no number of JSON", JSON, '{"hush": NaN}', "is not JSON"),
    ("no text", JSON, '{"a": 1, "hush": "\\ud800"}', "has an entry that is no Unicode text (entry 2)"),
    ("too deep", JSON, '{"hush":' + "[" * DEEP + "]" * DEEP + "}",
     "has an entry that is nested more than 100 levels deep (entry 1)"),
    ("far too deep", JSON, "[" * 100_000, "is not JSON"),
    ("too many", JSON, json.dumps(dict.fromkeys(map(str, range(MAX_ENTRIES + 1)))),
     "has 1025 entries, at most 1024 are taken"),
    ("no YAML", YAML, "hush: [", "is not YAML"),
    ("a text of YAML", YAML, "hush", "is no YAML map"),
    ("no document", YAML, "", "is no YAML map"),
    ("two documents", YAML, "hush: 1\n---\nhush: 2", "has more than one YAML document"),
    ("an anchor", YAML, "hush: &a 1", "has anchors or aliases, which are not taken"),
    ("an alias", YAML, "a: &a [hush]\nb: *a", "has anchors or aliases, which are not taken"),
    ("an anchor on a name", YAML, "&a hush: 1", "has anchors or aliases, which are not taken"),
    ("a tag", YAML, "hush: !!binary aHVzaA==", "has tags, which are not taken"),
    ("a tag of Python", YAML, "hush: !!python/object/apply:os.system [hush]",
     "has tags, which are not taken"),
    ("a map as a name", YAML, "? {hush: 1}\n: 2", "has a list or map as a name"),
    ("too deep YAML", YAML, "hush: " + "[" * DEEP + "]" * DEEP, "is nested more than 100 levels deep"),
    ("too long YAML", YAML, "a: hush\n" + " " * LONGEST,
     f"is longer than {LONGEST} characters, too long for YAML"),
    ("a control character", YAML, "hush: \x07", "is not YAML"),
    ("no text in YAML", YAML, "hush: \ud800", "is not YAML"),
    ("no line of a variable", ENV, "A=1\n\nhush\n", "has no NAME=value in line 3"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("form", "text", "sentence"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_what_is_refused_shows_nothing(form: ExtractFormat, text: str, sentence: str) -> None:
    with pytest.raises(ExtractError) as caught:
        extract_entries(text, form)
    assert str(caught.value) == sentence
    assert caught.value.__context__ is None, "an error of a parser holds the text"


def test_the_most_entries_are_taken() -> None:
    entries = {f"k{place}": place for place in range(MAX_ENTRIES)}
    assert len(extract_entries(json.dumps(entries), JSON)) == MAX_ENTRIES


def test_without_libyaml_the_same_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vaultbind.rendering.yaml_value._PARSER", yaml.SafeLoader)
    for _, form, text, entries in TAKEN:
        if form is YAML:
            assert extract_entries(text, form) == entries
    for _, form, text, sentence in REFUSED:
        if form is YAML:
            with pytest.raises(ExtractError, match=sentence.partition(" (")[0]):
                extract_entries(text, form)


TEXTS = st.text(st.characters(max_codepoint=0xD7FF), max_size=8)
"""Without what takes two escapes in JSON, which YAML does not put together."""
SCALARS = st.none() | st.booleans() | st.integers() | TEXTS
VALUES = (
    SCALARS
    | st.lists(SCALARS, max_size=3)
    | st.dictionaries(TEXTS, st.lists(SCALARS, max_size=2), max_size=2)
)


@settings(max_examples=50)
@given(st.dictionaries(TEXTS, VALUES, max_size=5))
def test_any_object_gives_what_json_reads(value: dict[str, object]) -> None:
    found = extract_entries(json.dumps(value), JSON)
    assert list(found) == list(value)
    for name, entry in value.items():
        if isinstance(entry, str):
            assert found[name].decode() == entry
        elif entry is None:
            assert found[name] == b""
        else:
            assert json.loads(found[name]) == entry


@settings(max_examples=50)
@given(st.dictionaries(TEXTS, VALUES, max_size=3))
def test_json_is_yaml(value: dict[str, object]) -> None:
    text = json.dumps(value)
    assert extract_entries(text, YAML) == extract_entries(text, JSON)


@given(
    st.text() | st.text(st.sampled_from('{}[]:,"-&*!?|> \n#=aA1'), max_size=30),
    st.sampled_from(ExtractFormat),
)
def test_any_text_is_taken_or_refused(text: str, form: ExtractFormat) -> None:
    try:
        found = extract_entries(text, form)
    except ExtractError:
        return
    assert all(isinstance(value, bytes) for value in found.values())
