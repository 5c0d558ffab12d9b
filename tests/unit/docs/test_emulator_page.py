"""The page of the emulator: its requests are understood, its tables are complete."""

import json
import re

from tests.unit.docs.pages import load
from vaultbind.emulator.control import DENIAL_FIELDS, OPERATIONS, parse_denials
from vaultbind.emulator.control_events import EVENT_OPERATIONS
from vaultbind.emulator.event_forms import FIELDS
from vaultbind.emulator.seed import CERTIFICATE_FIELDS, KEY_FIELDS, SECRET_FIELDS
from vaultbind.keyvault.simulation.access import FORBIDDEN_CODES
from vaultbind.keyvault.simulation.fault_forms import KNOWN, parse_faults
from vaultbind.keyvault.simulation.tokens import TENANT

PAGE = load("docs/emulator.md")


def posted(path: str) -> list[object]:
    """Bodies that the page posts to a control path."""
    text = "\n".join(PAGE.blocks("sh")).replace("\\\n", " ")
    return [json.loads(body) for body in re.findall(rf"-d '([^']+)'\s+\S+/_vaultbind/{path}", text)]


def test_posted_faults_are_faults() -> None:
    assert [fault.status for body in posted("faults") for fault in parse_faults(body)] == [429]


def test_posted_denials_are_denials() -> None:
    problems: list[str] = []
    denials = parse_denials(posted("access"), problems)
    assert (problems, [denial.kind for denial in denials]) == ([], ["secrets"])


def test_every_field_of_faults_and_denials_is_told() -> None:
    told = set(PAGE.ticked())
    assert {*KNOWN, *DENIAL_FIELDS, *FORBIDDEN_CODES, *FIELDS} - told == set()


def test_every_control_path_is_named() -> None:
    assert [
        path for path, _ in (*OPERATIONS, *EVENT_OPERATIONS) if f"/_vaultbind/{path}" not in PAGE.text
    ] == []


def test_the_seed_shows_every_field() -> None:
    shown = set(re.findall(r"(\w+):", PAGE.blocks("yaml")[0]))
    assert {*SECRET_FIELDS, *CERTIFICATE_FIELDS, *KEY_FIELDS} - shown == set()


def test_the_tenant_is_the_one_of_the_challenge() -> None:
    assert PAGE.text.count(TENANT) == 2
