"""What can be said of the image without building it."""

import json
import re
import tomllib
from pathlib import Path

import yaml

from tools.gen_chart import ROOT

TEXT = (ROOT / "Dockerfile").read_text()
INSTRUCTIONS = [
    line for line in re.sub(r"\\\n", " ", TEXT).splitlines() if line.strip() and not line.startswith("#")
]


def of(word: str) -> list[str]:
    return [line.partition(" ")[2].strip() for line in INSTRUCTIONS if line.split()[0] == word]


def test_both_stages_are_of_the_base_that_an_argument_names() -> None:
    assert INSTRUCTIONS[0] == "ARG BASE=python:3.13-slim"
    assert of("FROM") == ["${BASE} AS build", "${BASE}"]


def test_a_bot_knows_that_line_and_keeps_its_digest() -> None:
    config = json.loads((ROOT / ".github/renovate.json").read_text())
    assert {"docker:pinDigests", "helpers:pinGitHubActionDigests"} <= set(config["extends"])
    assert {"dockerfile", "github-actions", "gomod"} == set(config["enabledManagers"])


def test_packages_come_checked_against_the_lock_and_from_nowhere_else() -> None:
    pips = [
        step for line in of("RUN") for step in line.split("&&") if re.search(r"-m pip (?!--version)", step)
    ]
    first, *rest = pips
    assert "--require-hashes" in first
    assert "--only-binary=:all:" in first
    assert len(rest) == 3
    assert [step for step in rest if "--no-index" not in step] == []


def test_the_last_stage_only_takes_and_removes() -> None:
    last = INSTRUCTIONS[len(INSTRUCTIONS) - INSTRUCTIONS[::-1].index("FROM ${BASE}") :]
    assert [line for line in last if line.startswith("COPY")] == [
        "COPY --from=build /opt/vaultbind /opt/vaultbind"
    ]
    assert [line for line in last if line.startswith("RUN") and "pip install" in line] == []


def test_it_says_what_it_is_and_where_it_comes_from() -> None:
    (labels,) = of("LABEL")
    found = dict(re.findall(r'org\.opencontainers\.image\.(\w+)="([^"]+)"', labels))
    assert set(found) == {"title", "description", "source", "licenses", "version", "revision"}
    assert (found["version"], found["revision"]) == ("${VERSION}", "${REVISION}")
    runbooks = yaml.safe_load((ROOT / "charts/vaultbind/values.yaml").read_text())["prometheusRule"][
        "runbooks"
    ]
    assert runbooks.startswith(found["source"])


def test_it_runs_the_program_as_the_user_of_the_chart() -> None:
    assert of("USER") == ["65532:65532"]
    assert of("ENTRYPOINT") == ['["vaultbind"]']
    assert "runAsUser: 65532" in (ROOT / "charts/vaultbind/templates/deployment.yaml").read_text()


def test_the_context_holds_what_is_copied_and_what_the_wheel_includes() -> None:
    ignore = (ROOT / ".dockerignore").read_text().splitlines()
    taken = {line[1:] for line in ignore if line.startswith("!")}
    copied = {name for line in of("COPY") if not line.startswith("--from") for name in line.split()[:-1]}
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert "*" in ignore
    assert copied == taken
    assert set(wheel["force-include"]) <= taken
    assert [name for name in taken if not Path(ROOT / name).exists()] == []
