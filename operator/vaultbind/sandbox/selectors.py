"""Label and field selectors of lists and watches."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from vaultbind.sandbox.documents import JsonObject, find, labels
from vaultbind.sandbox.errors import bad_request
from vaultbind.sandbox.kinds import ResourceKind

_SET_TERM = re.compile(r"^(?P<key>[^\s!=,()]+)\s+(?P<operator>in|notin)\s+\((?P<values>[^()]*)\)$")
_EQUALITY_TERM = re.compile(r"^(?P<key>[^\s!=,()]+)\s*(?P<operator>==|=|!=)\s*(?P<value>[^\s!=,()]*)$")
_EXISTENCE_TERM = re.compile(r"^(?P<absent>!?)\s*(?P<key>[^\s!=,()]+)$")
_COMMA_OUTSIDE_PARENTHESES = re.compile(r",(?![^(]*\))")


class Operator(StrEnum):
    """How a label is compared."""

    IN = "in"
    NOT_IN = "notin"
    EXISTS = "exists"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelTerm:
    """One term of a label selector; all terms must hold."""

    key: str
    operator: Operator
    values: frozenset[str] = frozenset()

    def holds(self, found: Mapping[str, str]) -> bool:
        """Whether labels satisfy this term; `notin` and `!=` hold when the label is absent."""
        value = found.get(self.key)
        match self.operator:
            case Operator.IN:
                return value in self.values
            case Operator.NOT_IN:
                return value not in self.values
            case Operator.EXISTS:
                return value is not None
            case Operator.ABSENT:
                return value is None


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldTerm:
    """One term of a field selector."""

    path: str
    value: str
    negated: bool = False

    def holds(self, document: JsonObject) -> bool:
        """Whether the object satisfies this term; a missing field counts as empty."""
        found = find(document, *self.path.split("."))
        return (str(found or "") == self.value) != self.negated


def parse_label_selector(text: str) -> tuple[LabelTerm, ...]:
    """Parse `a=b,c!=d,e in (f,g),h,!i`; raises StatusError 400."""
    terms = (term.strip() for term in _COMMA_OUTSIDE_PARENTHESES.split(text))
    return tuple(_label_term(term) for term in terms if term)


def _label_term(term: str) -> LabelTerm:
    if found := _SET_TERM.match(term):
        values = frozenset(value.strip() for value in found["values"].split(","))
        return LabelTerm(key=found["key"], operator=Operator(found["operator"]), values=values)
    if found := _EQUALITY_TERM.match(term):
        operator = Operator.NOT_IN if found["operator"] == "!=" else Operator.IN
        return LabelTerm(key=found["key"], operator=operator, values=frozenset({found["value"]}))
    if found := _EXISTENCE_TERM.match(term):
        operator = Operator.ABSENT if found["absent"] else Operator.EXISTS
        return LabelTerm(key=found["key"], operator=operator)
    raise bad_request(f"unable to parse requirement: {term!r} is not a label selector")


def parse_field_selector(text: str, kind: ResourceKind) -> tuple[FieldTerm, ...]:
    """Parse `metadata.name=a,metadata.namespace!=b`; raises StatusError 400 for a field not offered."""
    terms = (term.strip() for term in text.split(","))
    return tuple(_field_term(term, kind) for term in terms if term)


def _field_term(term: str, kind: ResourceKind) -> FieldTerm:
    path, operator, value = re.split(r"(==|!=|=)", term, maxsplit=1) if "=" in term else (term, "", "")
    if not operator:
        raise bad_request(f"invalid selector: {term!r}; can't understand {term!r}")
    if path not in {"metadata.name", "metadata.namespace", *kind.field_selectors}:
        raise bad_request(f"field label not supported: {path}")
    return FieldTerm(path=path, value=value, negated=operator == "!=")


Matcher = Callable[[JsonObject], bool]


def build_matcher(label_selector: str, field_selector: str, kind: ResourceKind) -> Matcher:
    """One function for both selectors; raises StatusError 400."""
    label_terms = parse_label_selector(label_selector)
    field_terms = parse_field_selector(field_selector, kind)

    def matches(document: JsonObject) -> bool:
        found = labels(document)
        return all(term.holds(found) for term in label_terms) and all(
            term.holds(document) for term in field_terms
        )

    return matches
