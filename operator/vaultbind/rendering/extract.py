"""`dataFrom.extract`: the entries of one value. No message has a part of it, nor the names of entries."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from vaultbind.api.data_from import ExtractFormat
from vaultbind.rendering.json_property import MAX_DEPTH, PropertyError, parse_json, render_json

MAX_ENTRIES: Final = 1024
"""Of one value; a secret of 25 kB, the most that a vault holds, has room for four times as many."""


class ExtractError(Exception):
    """A value without entries; `str()` completes the sentence `secret NAME ...` and shows nothing of it."""


def extract_entries(text: str, form: ExtractFormat) -> Mapping[str, bytes]:
    """Entries in the value's order; of equal names the last counts. Raises ExtractError.

    Texts are taken as they are, null is empty, numbers are written as the value has them, true and false as
    JSON does, lists and maps as compact JSON.
    """
    parsed = _PARSERS[form](text.removeprefix("\ufeff"))
    if len(parsed) > MAX_ENTRIES:
        raise ExtractError(f"has {len(parsed)} entries, at most {MAX_ENTRIES} are taken")
    return {name: _encode(value, place) for place, (name, value) in enumerate(parsed.items(), start=1)}


def _parse_json(text: str) -> Mapping[str, Any]:
    try:
        found = parse_json(text)
    except PropertyError as error:
        problem = str(error)
    else:
        if isinstance(found, dict):
            return found
        problem = "is no JSON object"
    raise ExtractError(problem)


def _parse_yaml(text: str) -> Mapping[str, Any]:
    from vaultbind.rendering.yaml_value import YamlError, parse_yaml  # pyyaml is for those who need it

    try:
        found = parse_yaml(text)
    except YamlError as error:
        problem = str(error)
    else:
        if isinstance(found, dict):
            return found
        problem = "is no YAML map"
    raise ExtractError(problem)


def _parse_env(text: str) -> Mapping[str, Any]:
    return dict(_env_lines(text))


def _env_lines(text: str) -> Iterator[tuple[str, str]]:
    """As `kubectl create secret --from-env-file`: nothing is unquoted or expanded, so no value is changed."""
    for number, line in enumerate(text.split("\n"), start=1):
        stripped = line.removesuffix("\r").lstrip()
        if not stripped or stripped.startswith("#"):
            continue
        name, separator, value = stripped.partition("=")
        if not separator:
            raise ExtractError(f"has no NAME=value in line {number}")
        yield name, value


_PARSERS: Final[Mapping[ExtractFormat, Callable[[str], Mapping[str, Any]]]] = {
    ExtractFormat.JSON: _parse_json,
    ExtractFormat.YAML: _parse_yaml,
    ExtractFormat.ENV: _parse_env,
}


def _encode(value: Any, place: int) -> bytes:
    try:
        return _text_of(value).encode()
    except PropertyError:
        problem = f"has an entry that is nested more than {MAX_DEPTH} levels deep (entry {place})"
    except UnicodeEncodeError:  # a lone surrogate; the error would show the text
        problem = f"has an entry that is no Unicode text (entry {place})"
    raise ExtractError(problem)


def _text_of(value: Any) -> str:
    if value is None:
        return ""
    return str(value) if isinstance(value, str) else render_json(value)
