"""kubectl works on the sandbox."""

import asyncio
import json
import shutil
from pathlib import Path

import pytest

from tests.flow.sandbox.client import WIDGET, WIDGET_CRD
from tools.testbin.build import find
from vaultbind.sandbox import Sandbox


class Kubectl:
    def __init__(self, program: str, folder: Path, sandbox: Sandbox) -> None:
        self.config = folder / "kubeconfig"
        self.config.write_text(sandbox.kubeconfig())
        self.command = [program, "--kubeconfig", str(self.config), "--cache-dir", str(folder / "cache")]

    async def __call__(self, *arguments: str, stdin: object = None, fails: bool = False) -> str:
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            *self.command, *arguments, stdin=pipe, stdout=pipe, stderr=asyncio.subprocess.STDOUT
        )
        async with asyncio.timeout(120):
            output, _ = await process.communicate(json.dumps(stdin).encode())
        text = output.decode()
        assert (process.returncode != 0) == fails, text
        return text


@pytest.fixture
def kubectl(sandbox: Sandbox, tmp_path: Path) -> Kubectl:
    binaries = find()
    program = str(binaries.kubectl) if binaries else shutil.which("kubectl")
    if program is None:
        pytest.skip("no kubectl on PATH nor in the cache of tools/testbin")
    return Kubectl(program, tmp_path, sandbox)


async def test_kinds_are_applied_and_shown_in_their_columns(sandbox: Sandbox, kubectl: Kubectl) -> None:
    assert "created" in await kubectl("apply", "-f", "-", stdin=WIDGET_CRD)
    widget = {**WIDGET, "metadata": {"name": "a"}, "spec": {"name": "abc"}}
    assert "created" in await kubectl("apply", "-f", "-", stdin=widget)
    assert "unchanged" in await kubectl("apply", "-f", "-", stdin=widget)
    widget["spec"] = {"name": "abc", "size": 7}
    assert "configured" in await kubectl("apply", "-f", "-", stdin=widget)
    status = {"status": {"observedGeneration": 2, "conditions": [{"type": "Ready", "status": "True"}]}}
    sandbox.patch("widgets.test.vaultbind.dev", "default", "a", status, subresource="status")
    lines = (await kubectl("get", "wd", "-A")).splitlines()

    assert lines[0].split() == ["NAMESPACE", "NAME", "READY", "SIZE", "AGE"]
    assert lines[1].split()[:4] == ["default", "a", "True", "7"]
    assert "condition met" in await kubectl("wait", "--for=condition=Ready", "wd/a", "--timeout=100s")
    assert "size" in await kubectl("explain", "widget.spec")
    assert "deleted" in await kubectl("delete", "wd", "a")


async def test_unknown_fields_are_refused_and_conflicts_told(kubectl: Kubectl) -> None:
    await kubectl("apply", "-f", "-", stdin=WIDGET_CRD)
    widget = {**WIDGET, "metadata": {"name": "a"}, "spec": {"name": "abc", "bogus": 1}}
    assert 'unknown field "spec.bogus"' in await kubectl("apply", "-f", "-", stdin=widget, fails=True)
    configuration = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"k": "1"}}
    await kubectl("apply", "-f", "-", stdin=configuration)
    configuration["data"] = {"k": "2"}
    server_side = ("apply", "--server-side", "-f", "-")
    refused = await kubectl(*server_side, stdin=configuration, fails=True)
    forced = await kubectl(*server_side, "--force-conflicts", stdin=configuration)

    assert 'conflict with "kubectl-client-side-apply" using v1: .data.k' in refused
    assert "serverside-applied" in forced


async def test_secrets_are_listed_edited_and_deleted(kubectl: Kubectl) -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"k": "v"}}
    await kubectl("apply", "-f", "-", stdin=secret)
    await kubectl("patch", "secret", "s", "-p", '{"stringData": {"l": "w"}}')
    await kubectl("label", "secret", "s", "team=a")
    await kubectl("annotate", "secret", "s", "note=b")
    table = await kubectl("get", "secrets", "-l", "team=a")
    await kubectl("delete", "secret", "s")

    assert table.splitlines()[1].split()[:3] == ["s", "Opaque", "2"]
    assert "No resources found" in await kubectl("get", "secrets")
