"""The page of the emulator: its requests are understood, its tables are complete."""

import json
import re

import pytest
import yaml

from tests.unit.docs.pages import ROOT, load
from tests.unit.docs.test_pages import flags
from tools.gen_cli_help import commands
from vaultbind.emulator.clients import CLIENT_FIELDS, FEDERATED_FIELDS
from vaultbind.emulator.config import SHORTEST_TOKEN
from vaultbind.emulator.control import OPERATIONS
from vaultbind.emulator.control_events import EVENT_OPERATIONS
from vaultbind.emulator.event_forms import FIELDS
from vaultbind.emulator.seed import CERTIFICATE_FIELDS, KEY_FIELDS, SECRET_FIELDS
from vaultbind.keyvault.simulation.access import FORBIDDEN_CODES
from vaultbind.keyvault.simulation.access_forms import (
    FIREWALL_FIELDS,
    POLICY_FIELDS,
    ROLE_FIELDS,
    VAULT_FIELDS,
    parse_access,
)
from vaultbind.keyvault.simulation.denial_forms import DENIAL_FIELDS, parse_denials
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


def test_posted_rules_are_rules() -> None:
    problems: list[str] = []
    text = "\n".join(PAGE.blocks("sh")).replace("\\\n", " ")
    bodies = [json.loads(body) for body in re.findall(r"/_vaultbind/rules\s+-d '([^']+)'", text)]
    forms = [form for body in bodies for form in parse_access(body, problems)]
    assert (problems, [form.vault for form in forms]) == ([], ["shop"])


def test_every_field_of_rules_and_clients_is_told() -> None:
    wanted = {*VAULT_FIELDS, *ROLE_FIELDS, *POLICY_FIELDS, *FIREWALL_FIELDS, *CLIENT_FIELDS}
    assert [field for field in sorted({*wanted, *FEDERATED_FIELDS}) if field not in PAGE.text] == []


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


def parity() -> list[str]:
    """Tests that the table of parity names."""
    return [test for test in PAGE.ticked() if re.fullmatch(r"tests/[\w/]+\.py::\w+", test)]


def test_each_row_of_the_parity_table_names_a_test() -> None:
    rows = PAGE.text.partition("## Parity")[2].partition("|---|---|---|\n")[2].strip().splitlines()
    assert len(rows) == len(parity()) >= 20
    assert all(re.search(r"`tests/[\w/]+\.py::\w+` \|$", row) for row in rows)


@pytest.mark.parametrize("test", parity())
def test_a_test_that_the_parity_table_names_exists(test: str) -> None:
    path, _, name = test.partition("::")
    assert re.search(rf"^(?:async )?def {name}\(", (ROOT / path).read_text(), re.MULTILINE)


def test_programs_of_the_page_are_python() -> None:
    for block in PAGE.blocks("python"):
        compile(block, "docs/emulator.md", "exec", flags=0)


def test_compose_and_workflow_are_yaml_with_flags_that_exist() -> None:
    documents = [yaml.safe_load(block) for block in PAGE.blocks("yml")]
    compose = next(document for document in documents if "services" in document)
    service = compose["services"]["keyvault"]
    known = flags(commands()["emulator"])
    image = json.loads(PAGE.blocks("dockerfile")[0].partition("ENTRYPOINT ")[2])
    given = [word for word in (*image, *service["command"]) if word.startswith("--")]
    assert [flag for flag in given if flag not in known] == []
    assert len(service["environment"]["VAULTBIND_EMULATOR_TOKEN"]) >= SHORTEST_TOKEN
    steps = next(document for document in documents if "steps" in document)["steps"]
    script = next(step["run"] for step in steps if "emulator" in step.get("name", ""))
    assert set(re.findall(r"--[a-z-]+", script)) <= known
