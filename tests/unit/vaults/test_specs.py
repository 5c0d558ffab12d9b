"""Specs are parsed once per generation, and what cannot be parsed is known as well."""

from typing import Any

from vaultbind.api.errors import SpecError
from vaultbind.api.refs import ObjectKey
from vaultbind.engine.cache import RawObject
from vaultbind.vaults.specs import SpecBook

KEY = ObjectKey("VaultBinding", "n", "a")


def obj(generation: int, *, uid: str = "u", spec: str = "x") -> dict[str, Any]:
    return {"metadata": {"uid": uid, "generation": generation}, "spec": spec}


def book(asked: list[str]) -> SpecBook[str]:
    def parse(raw: RawObject) -> str:
        asked.append(str(raw["spec"]))
        if raw["spec"] == "bad":
            raise SpecError("spec", "is bad")
        return str(raw["spec"])

    return SpecBook(parse=parse)


def test_a_generation_is_parsed_once() -> None:
    asked: list[str] = []
    specs = book(asked)
    first = specs.read(KEY, obj(1))
    assert (first.spec, first.refs, first.denial) == ("x", (), None)
    assert specs.read(KEY, obj(1, spec="not looked at")) is first
    assert specs.known(KEY) is first
    assert specs.read(KEY, obj(2, spec="y")).spec == "y"
    assert specs.read(KEY, obj(2, uid="namesake", spec="z")).spec == "z"
    assert asked == ["x", "y", "z"]


def test_what_cannot_be_parsed_is_not_tried_again() -> None:
    asked: list[str] = []
    specs = book(asked)
    for _ in range(2):
        parsed = specs.read(KEY, obj(1, spec="bad"))
        assert parsed.spec is None
        assert parsed.denial is not None
        assert "is bad" in parsed.denial.message
    assert asked == ["bad"]


def test_what_is_gone_is_forgotten() -> None:
    asked: list[str] = []
    specs = book(asked)
    specs.read(KEY, obj(1))
    specs.forget(KEY)
    assert specs.known(KEY) is None
    specs.forget(KEY)
    specs.read(KEY, obj(1))
    assert asked == ["x", "x"]
