"""The quick starts of the page that can be run here: each prints the value of the secret."""

import asyncio
import json
import os
import re
import shutil
import sys
from pathlib import Path
from textwrap import indent

import pytest
import yaml

from tests.unit.docs.pages import load
from tools.realcluster.processes import free_ports
from vaultbind.testing.vaults import ServedVault

PAGE = load("docs/emulator.md")
QUICK = [block for block in PAGE.blocks("python") if 'environ["AZURE_KEYVAULT_URL"]' in block]


async def output(*command: str, folder: str | Path, **environment: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    told, error = await asyncio.wait_for(process.communicate(), 120)
    assert process.returncode == 0, error.decode()
    return told.decode().strip()


@pytest.mark.parametrize("program", QUICK, ids=["synchronous", "asynchronous"])
async def test_a_python_quick_start(program: str, keyvault_server: ServedVault) -> None:
    keyvault_server.set_secret("greeting", "hello")
    folder = str(keyvault_server.ca_file.parent)
    assert await output(sys.executable, "-W", "ignore", "-c", program, folder=folder) == "hello"


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl on PATH: the CLI's way was not tried")
async def test_the_way_of_the_azure_cli_with_curl(keyvault_server: ServedVault) -> None:
    """The same two requests; `az rest` adds nothing to the second but what its flags say."""
    keyvault_server.set_secret("greeting", "hello")
    url = keyvault_server.url
    resource = url.replace("127.0.", "0.")
    folder = str(keyvault_server.ca_file.parent)
    curl = ("curl", "-sf", "--cacert", "ca.pem")
    token = await output(
        *curl, "-H", "X-IDENTITY-HEADER: any", f"{url}/msi/token?resource={resource}", folder=folder
    )
    bearer = token.partition('"access_token":"')[2].partition('"')[0]
    secret = f"{url}/secrets/greeting?api-version=7.6"
    answer = await output(*curl, "-H", f"Authorization: Bearer {bearer}", secret, folder=folder)
    assert '"value":"hello"' in answer


PROGRAMS = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
SEED = "vaults: {shop: {secrets: {greeting: hello}}, default: {secrets: {greeting: hello}}}"


async def test_the_librarys_first_steps_against_the_emulator(tmp_path: Path) -> None:
    """The page's four lines, with a port that is free; the example stands where one would type it."""
    page = load("docs/library.md").text.partition("## First steps")[2]
    recipe, example, printed = (
        page.partition(f"```{language}\n")[2].partition("```")[0] for language in ("sh", "python", "text")
    )
    (tmp_path / "example.py").write_text(
        f"import asyncio\nasync def main():\n{indent(example, '    ')}\nasyncio.run(main())", encoding="utf-8"
    )
    port = str(free_ports(1)[0])
    start, *exports, shell = recipe.replace("8443", port).splitlines()
    assert (start[-2:], shell) == (" &", "python -m asyncio")
    lines = [f"{start[:-1]} --port {port} > told &", "until grep -q ready told; do sleep 0.1; done", *exports]
    lines += ["python example.py; status=$?", "kill %1; wait %1; exit $status"]

    told = await output("bash", "-mc", "\n".join(lines), folder=tmp_path, PATH=PROGRAMS)

    assert told == printed.strip()


async def test_the_step_of_the_workflow(tmp_path: Path) -> None:
    """Whatever it starts in the background ends with the test; what it installs is here already."""
    (workflow,) = [yaml.safe_load(block) for block in PAGE.blocks("yml") if block.startswith("steps:")]
    (step,) = [step["run"] for step in workflow["steps"] if "name" in step]
    port = str(free_ports(1)[0])
    script = step.replace("pip install vaultbind\n", "").replace("8443", port)
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/vault.yaml").write_text(SEED, encoding="utf-8")
    (tmp_path / "quick.py").write_text(QUICK[0], encoding="utf-8")
    script += "\nset -a; . $GITHUB_ENV; set +a\npython -W ignore quick.py\nkill %1; wait %1"
    environment = {
        "PATH": PROGRAMS,
        "VAULTBIND_EMULATOR_PORT": port,
        "RUNNER_TEMP": str(tmp_path),
        "GITHUB_ENV": str(tmp_path / "env"),
    }
    assert await output("bash", "-emc", script, folder=tmp_path, **environment) == "hello"


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl on PATH: the container was not asked")
async def test_the_container_and_what_compose_tells_it(tmp_path: Path) -> None:
    """The same command line and variables without a container; it listens here alone."""
    (dockerfile,) = PAGE.blocks("dockerfile")
    entry = re.search(r"ENTRYPOINT (.*)", dockerfile)
    (compose,) = [yaml.safe_load(block) for block in PAGE.blocks("yml") if block.startswith("services:")]
    service, app = compose["services"]["keyvault"], compose["services"]["app"]
    assert entry is not None
    command = [*json.loads(entry[1]), *service["command"]]
    port = str(free_ports(1)[0])
    places = {"/certs": str(tmp_path), "/seed.yaml": str(tmp_path / "seed.yaml"), "0.0.0.0": "127.0.0.1"}

    def here(words: list[str]) -> list[str]:
        known = re.compile("|".join(map(re.escape, places)))
        return [known.sub(lambda found: places[found[0]], word) for word in words]

    (tmp_path / "seed.yaml").write_text(SEED, encoding="utf-8")
    environment = {**os.environ, "PATH": PROGRAMS, **service["environment"], "VAULTBIND_EMULATOR_PORT": port}
    process = await asyncio.create_subprocess_exec(
        *here(command), cwd=tmp_path, env=environment, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        ready = await asyncio.wait_for(process.stdout.readline(), 60)
        assert ready.decode() == f"ready https://127.0.0.1:{port}\n"
        url = {"VAULTBIND_EMULATOR_URL": f"https://127.0.0.1:{port}"}
        probe = here(service["healthcheck"]["test"][1:])
        told = await output(*probe, folder=tmp_path, PATH=PROGRAMS, **service["environment"], **url)
        assert json.loads(told)["objects"]["shop"]["secrets"] == 1
        vault = app["environment"]["AZURE_KEYVAULT_URL"].replace("8443", port)
        header = app["environment"]["IDENTITY_HEADER"]
        assert await read_as_the_app(tmp_path, vault, header) == "hello"
    finally:
        process.terminate()
        await process.wait()


async def read_as_the_app(folder: Path, vault: str, header: str) -> str:
    """Name and certificate are those of the page, the address is loopback."""
    name, port = vault.removeprefix("https://").split(":")
    curl = ("curl", "-sf", "--cacert", "ca.pem", "--resolve", f"{name}:{port}:127.0.0.1")
    resource = vault.replace("https://shop.", "https://")
    asked = f"{vault}/msi/token?resource={resource}"
    token = json.loads(await output(*curl, "-H", f"X-IDENTITY-HEADER: {header}", asked, folder=folder))
    bearer = f"Authorization: Bearer {token['access_token']}"
    told = await output(*curl, "-H", bearer, f"{vault}/secrets/greeting?api-version=7.6", folder=folder)
    return str(json.loads(told)["value"])
