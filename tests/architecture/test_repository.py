"""What must not be in the repository, and what must be there together."""

import re
import tomllib

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.architecture.sources import ROOT, listing, tracked_files

# written so that this file does not contain what it looks for
MACHINE_PATHS = ("/" + "work/main", "/" + "work/shared", "/" + "root/", "/" + "tmp/brief", "/" + "opt/wheels")
REGISTRY_HOSTS = (
    "pypi" + ".org",
    "files.python" + "hosted.org",
    "proxy.golang" + ".org",
    "registry.npmjs" + ".org",
)
LOCKS = ("requirements.lock", "requirements-dev.lock")
TARGETS = {
    *("dev", "demo", "test", "check", "fix", "bench", "verify"),
    *("sdk-conformance", "e2e", "docs", "clean"),
}
PIN = re.compile(r"^([a-z0-9][a-z0-9._-]*)(?:\[[^\]]+\])?==([^ ;\\]+)", re.MULTILINE)


def test_no_file_names_this_machine_or_a_package_index() -> None:
    found = [
        f"{path}: {word}"
        for path in tracked_files()
        for text in [(ROOT / path).read_text(encoding="utf-8", errors="replace")]
        for word in (*MACHINE_PATHS, *REGISTRY_HOSTS)
        if word in text
    ]
    assert not found, listing(found)


def test_each_decision_has_a_number_of_its_own_and_is_listed() -> None:
    folder = ROOT / "docs" / "adr"
    index = (folder / "README.md").read_text()
    numbers: dict[str, list[str]] = {}
    for path in sorted(folder.glob("[0-9]*.md")):
        number = path.name[:4]
        numbers.setdefault(number, []).append(path.name)
        assert path.read_text().startswith(f"# {number}: "), path.name
        assert number == "0000" or f"[{number}]({path.name})" in index, path.name
    assert [names for names in numbers.values() if len(names) > 1] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_files_are_pins_with_hashes_and_nothing_else(lock: str) -> None:
    text = (ROOT / lock).read_text()
    blocks = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
    assert [
        block.splitlines()[0] for block in blocks if not PIN.match(block) or "--hash=sha256:" not in block
    ] == []
    assert not re.search(r"--(extra-)?index-url|--find-links|https?://|file:", text)


def test_lock_files_satisfy_pyproject() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    base = [*project["project"]["dependencies"], *project["project"]["optional-dependencies"]["operator"]]
    groups = project["dependency-groups"]
    runtime = [*base, *groups["build"]]
    dev = [*runtime, *groups["test"], *groups["lint"], *groups["lock"]]
    assert _unsatisfied(runtime, _pins("requirements.lock")) == []
    assert _unsatisfied(dev, _pins("requirements-dev.lock")) == []


def test_no_kubernetes_client_is_installed_with_the_program() -> None:
    """Kopf imports each that it finds, at every start (ADR 0021)."""
    clients = {"kr8s", "kubernetes", "kubernetes-asyncio", "lightkube", "pykube-ng"}
    assert clients & {canonicalize_name(name) for name in _pins("requirements.lock")} == set()


def test_both_locks_agree() -> None:
    runtime, dev = (_pins(lock) for lock in LOCKS)
    assert {name: pin for name, pin in runtime.items() if dev.get(name) != pin} == {}


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    asked = [*project["project"]["dependencies"], *project["project"]["optional-dependencies"]["operator"]]
    asked += [
        item for group in project["dependency-groups"].values() for item in group if isinstance(item, str)
    ]
    text = (ROOT / "docs" / "dependencies.md").read_text()
    assert [name for item in asked if f"| {(name := Requirement(item).name)} |" not in text] == []


@pytest.mark.parametrize("target", sorted(TARGETS))
def test_every_make_target_has_its_line_of_help(target: str) -> None:
    assert re.search(rf"^{re.escape(target)}:.*## \S", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_actions_are_pinned_by_commit() -> None:
    workflows = (ROOT / ".github" / "workflows").glob("*.yml")
    used = [line for path in workflows for line in re.findall(r"uses:\s*(\S+.*)", path.read_text())]
    assert used
    assert [line for line in used if not re.search(r"@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line)] == []


def test_a_command_that_fails_in_a_pipe_fails_its_job() -> None:
    """GitHub's own shell has no pipefail; the one that is named has."""
    for path in (ROOT / ".github" / "workflows").glob("*.yml"):
        workflow = yaml.safe_load(path.read_text())
        steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
        if any("run" in step for step in steps):
            assert workflow["defaults"] == {"run": {"shell": "bash"}}, path.name
        assert [step["name"] for step in steps if "shell" in step] == [], path.name


def test_every_job_has_an_end() -> None:
    for path in (ROOT / ".github" / "workflows").glob("*.yml"):
        jobs = yaml.safe_load(path.read_text())["jobs"]
        assert [name for name, job in jobs.items() if "timeout-minutes" not in job] == [], path.name


@pytest.mark.parametrize(
    ("workflow", "job", "command"),
    [
        ("ci", "check", "make check"),
        ("ci", "demo", "make demo"),
        ("ci", "test", ".ci/run"),
        ("ci", "test", "make verify"),
        ("ci", "coverage", "make coverage"),
        ("ci", "audit", "make audit"),
        ("ci", "image", "docker run --rm --read-only --interactive --entrypoint python3"),
        ("e2e", "kind", "make e2e"),
        ("azure", "azure", "make test TIERS=azure"),
        ("nightly", "tests", ".ci/run"),
        ("nightly", "bench", "make bench ARGS=--budget"),
        ("nightly", "churn", "make test TIERS=apiserver"),
        ("nightly", "sdk-conformance", "make sdk-conformance"),
        ("nightly", "fuzz", "make fuzz"),
        ("release", "build", ".ci/run"),
        ("release", "build", "make dist"),
        ("release", "publish", "python3 -m tools.gen_install --image"),
        ("release", "publish", "cosign sign"),
        ("release", "publish", "cosign attest --yes --type cyclonedx"),
    ],
)
def test_workflows_run_what_they_are_for(workflow: str, job: str, command: str) -> None:
    found = yaml.safe_load((ROOT / ".github" / "workflows" / f"{workflow}.yml").read_text())["jobs"][job]
    assert [step for step in found["steps"] if step.get("run", "").startswith(command)]


def test_the_hook_before_a_commit_is_make_check() -> None:
    (repository,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    (hook,) = repository["hooks"]
    assert (hook["entry"], hook["always_run"]) == ("make check", True)


@pytest.mark.parametrize(
    "command",
    ["ruff check", "ruff format --check", "mypy", "deptry operator", "tools.audit", "pytest -q -m unit"],
)
def test_make_check_runs(command: str) -> None:
    """The layers (import-linter) are a test of architecture, which is of the tier unit."""
    recipe = (ROOT / "Makefile").read_text().partition("\ncheck:")[2].partition("\n\n")[0]
    assert command in recipe


def test_nights_are_long_enough_for_a_thousand_bindings_and_fifty_leaders() -> None:
    job = yaml.safe_load((ROOT / ".github" / "workflows" / "nightly.yml").read_text())["jobs"]["churn"]
    (step,) = [step for step in job["steps"] if "VAULTBIND_CHURN" in step.get("env", {})]
    assert step["env"] == {"VAULTBIND_CHURN": "1000:50", "VAULTBIND_REQUIRE_TIERS": "apiserver"}
    name = step["run"].partition("-k ")[2].strip('"')
    assert f"def test_{name}(" in (ROOT / "tests" / "apiserver" / "test_leader_churn.py").read_text()
    limit = 120 + 60 * 50 + 1000  # the test's own, in seconds
    assert job["timeout-minutes"] * 60 > limit


def _pins(lock: str) -> dict[str, str]:
    return dict(PIN.findall((ROOT / lock).read_text()))


def _unsatisfied(asked: list[str], pins: dict[str, str]) -> list[str]:
    requirements = [Requirement(item) for item in asked]
    return [
        str(item)
        for item in requirements
        if (pin := pins.get(canonicalize_name(item.name))) is None
        or not item.specifier.contains(Version(pin))
    ]
