"""Denials from and to the JSON or YAML that people write, all mistakes told at once."""

from collections.abc import Mapping
from typing import Any, Final

from vaultbind.keyvault.simulation.access import FORBIDDEN_CODES, AccessRules, Denial
from vaultbind.keyvault.simulation.api.routing import Action
from vaultbind.keyvault.simulation.faults import is_match
from vaultbind.keyvault.simulation.records import Kind

DENIAL_FIELDS: Final = ("principal", "vault", "kind", "action", "name", "code")
DENIAL_WORDS: Final[Mapping[str, tuple[str, ...]]] = {"kind": tuple(Kind), "action": tuple(Action)}
"""What the globs of these fields are held against: one that fits none would forbid nothing, silently."""


def render_denials(rules: AccessRules) -> list[dict[str, str]]:
    """The denials as `parse_denials` reads them."""
    return [{name: getattr(denial, name) for name in DENIAL_FIELDS} for denial in rules.denials()]


def parse_denials(forms: list[Any], problems: list[str]) -> list[Denial]:
    """Denials of a list of JSON objects; mistakes go to `problems`."""
    denials = []
    for index, form in enumerate(forms):
        where = f"deny[{index}]"
        if not isinstance(form, Mapping):
            problems.append(f"{where} must be an object")
            continue
        unknown = [f"{where}.{name} is unknown" for name in form if name not in DENIAL_FIELDS]
        wrong = [
            f"{where}.{name} must be a text" for name, value in form.items() if not isinstance(value, str)
        ]
        if form.get("code", FORBIDDEN_CODES[0]) not in FORBIDDEN_CODES:
            wrong.append(f"{where}.code must be one of {', '.join(FORBIDDEN_CODES)}")
        wrong += [
            f"{where}.{name} fits none of {', '.join(words)}"
            for name, words in DENIAL_WORDS.items()
            if isinstance(form.get(name), str) and not any(is_match(word, form[name]) for word in words)
        ]
        problems.extend([*unknown, *wrong])
        if not unknown and not wrong:
            denials.append(Denial(**form))
    return denials
