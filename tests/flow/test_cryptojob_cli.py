"""`vaultbind crypto`: the same operations from a terminal, with and without a cluster."""

import asyncio
import base64
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from tests.flow import jobs
from tests.flow.world import World
from tests.flow.world_cluster import encode
from vaultbind.cli.main import main
from vaultbind.kube.resources import CRYPTO_JOBS, SECRETS

PLAIN = b"hunter2 \xff\0"
LONG = os.urandom(300_000)


class Shell:
    """Runs commands with a folder of their own."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world, self.folder = world, folder
        self.ca = folder / "ca.pem"
        self.ca.write_text(world.emulator.ca_pem)
        self.environ = {
            "AZURE_KEYVAULT_URL": world.emulator.vault_url("shop"),
            "AZURE_TOKEN_CREDENTIALS": "prod",
        }

    async def run(self, line: str, *, stdin: bytes = b"", status: int = 0) -> Result:
        arguments = ["crypto", *line.split(), "--ca-file", str(self.ca)]
        result = await asyncio.to_thread(
            CliRunner().invoke, main, arguments, input=stdin, env=self.environ, catch_exceptions=False
        )
        assert result.exit_code == status, result.output
        return result

    async def job(self, line: str, *, stdin: bytes = b"", status: int = 0) -> Result:
        kubeconfig = self.folder / "kubeconfig"
        place = (
            f"--job -n {self.world.namespace} --vault {self.world.vault_name} --vault-kind ClusterKeyVault"
        )
        return await self.run(f"{line} {place} --kubeconfig {kubeconfig}", stdin=stdin, status=status)

    def file(self, name: str, data: bytes = b"") -> str:
        path = self.folder / name
        if data:
            path.write_bytes(data)
        return str(path)

    def read(self, name: str) -> bytes:
        return (self.folder / name).read_bytes()


@pytest.fixture
def shell(quiet_world: World, tmp_path: Path) -> Shell:
    return Shell(quiet_world, tmp_path)


async def test_encrypt_and_wrap_and_back(shell: Shell) -> None:
    key = shell.world.seed.create_key("seal", key_type="RSA")
    shell.world.seed.create_key("aes", key_type="oct-HSM")
    document = (await shell.run("encrypt --key seal", stdin=PLAIN)).stdout_bytes
    fields = json.loads(document)
    assert fields["keyId"] == jobs.key_id(shell.world, "seal", key)
    assert isinstance(key.material, rsa.RSAPrivateKey)
    scheme = padding.OAEP(mgf=padding.MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None)
    assert key.material.decrypt(base64.b64decode(fields["result"]), scheme) == PLAIN
    shell.world.vault.create_key("seal", key_type="RSA")
    assert (await shell.run("decrypt --key seal", stdin=document)).stdout_bytes == PLAIN
    sealed = (await shell.run("encrypt --key aes --aad context", stdin=PLAIN)).stdout_bytes
    assert set(json.loads(sealed)) == {"result", "keyId", "algorithm", "iv", "tag", "aad"}
    assert (await shell.run("decrypt --key aes", stdin=sealed)).stdout_bytes == PLAIN
    wrapped = (await shell.run("wrap --key aes", stdin=b"k" * 32)).stdout_bytes
    assert (await shell.run("unwrap --key aes", stdin=wrapped)).stdout_bytes == b"k" * 32


@pytest.mark.parametrize("size", [128, 192, 256])
async def test_defaults_fit_the_size_of_a_symmetric_key(shell: Shell, size: int) -> None:
    shell.world.seed.create_key("aes", key_type="oct-HSM", size=size)
    for forth, back, algorithm in (("encrypt", "decrypt", "GCM"), ("wrap", "unwrap", "KW")):
        document = (await shell.run(f"{forth} --key aes", stdin=b"k" * 16)).stdout_bytes
        assert json.loads(document)["algorithm"] == f"A{size}{algorithm}"
        assert (await shell.run(f"{back} --key aes", stdin=document)).stdout_bytes == b"k" * 16
    envelope = (await shell.run("encrypt --envelope --key aes", stdin=PLAIN)).stdout_bytes
    assert (await shell.run("decrypt --envelope --key aes", stdin=envelope)).stdout_bytes == PLAIN


async def test_envelopes_of_files(shell: Shell) -> None:
    shell.world.seed.create_key("seal", key_type="RSA")
    plain, sealed, opened = shell.file("plain", LONG), shell.file("sealed"), shell.file("opened")
    await shell.run(f"encrypt --envelope --key seal --in {plain} --out {sealed} --aad a")
    await shell.run(f"decrypt --envelope --key seal --in {sealed} --out {opened} --aad a")
    assert shell.read("opened") == LONG
    assert (shell.folder / "opened").stat().st_mode & 0o777 == 0o600
    cut = shell.file("cut", shell.read("sealed")[:-1])
    result = await shell.run(f"decrypt --envelope --key seal --in {cut} --aad a", status=3)
    assert result.stdout_bytes == b"", "nothing of what cannot be trusted"


@pytest.mark.parametrize("form", ["raw", "der", "jws", "jws-detached"])
async def test_sign_and_verify(shell: Shell, form: str) -> None:
    key = shell.world.seed.create_key("release")
    data, signature = shell.file("data", LONG), shell.file("signature")
    await shell.run(f"sign --key release --form {form} --in {data} --out {signature}")
    if form == "der":
        assert isinstance(key.material, ec.EllipticCurvePrivateKey)
        found = base64.b64decode(shell.read("signature"))
        key.material.public_key().verify(found, LONG, ec.ECDSA(hashes.SHA256()))
        binary = await shell.run(f"sign --key release --form der --binary --in {data}")
        key.material.public_key().verify(binary.stdout_bytes, LONG, ec.ECDSA(hashes.SHA256()))
    verify = f"verify --key release --form {form} --signature {signature}"
    assert (await shell.run(f"{verify} --in {data}")).output == "valid\n"
    if form in {"raw", "der"}:
        assert (await shell.run(verify, stdin=LONG[1:], status=1)).output == "not valid\n"
        digest = hashlib.sha256(LONG).hexdigest().encode() + b"  data\n"
        assert (await shell.run(f"{verify} --digest", stdin=digest)).output == "valid\n"
    document = (await shell.run(f"sign --key release --form {form} --json --in {data}")).stdout_bytes
    assert set(json.loads(document)) == {"result", "keyId", "algorithm"}
    as_json = shell.file("json", document)
    assert (
        await shell.run(f"verify --key release --form {form} --signature {as_json} --in {data}")
    ).exit_code == 0


async def test_rotate(shell: Shell) -> None:
    old = shell.world.seed.create_key("seal", key_type="RSA")
    told = await shell.run("rotate --key seal")
    assert told.stdout.strip() == jobs.key_id(shell.world, "seal", old)
    assert "younger" in told.stderr
    made = await shell.run("rotate --key seal --min-age 1m")
    assert made.stdout.strip() == jobs.key_id(shell.world, "seal", shell.world.vault.vault.keys.get("seal"))
    assert made.stdout.strip() != told.stdout.strip()


WRONG: Mapping[str, tuple[str, bytes, int, str]] = {
    "no key": ("sign --key missing", b"a", 3, "no such key"),
    "no signing algorithm": ("sign --key seal --algorithm RSA-OAEP", b"a", 3, "no algorithm that signs"),
    "too long": ("encrypt --key seal", LONG, 3, "190 bytes"),
    "no document": ("decrypt --key seal", b"[]", 1, "no document"),
    "no file": ("sign --key seal --in /nowhere/at/all", b"", 1, "/nowhere/at/all"),
    "no option": ("sign", b"", 2, "--key"),
    "no duration": ("rotate --key seal --min-age soon", b"", 2, "--min-age"),
    "wrong key": (
        "decrypt --key seal",
        b'{"result": "AA==", "keyId": "https://shop.vault.azure.net/keys/other/1"}',
        3,
        "another key",
    ),
    "wrong type": ("encrypt --key ec", b"a", 3, "may not be used for encrypt"),
}


@pytest.mark.parametrize("case", WRONG)
async def test_what_goes_wrong_is_told(shell: Shell, case: str) -> None:
    shell.world.seed.create_key("seal", key_type="RSA")
    shell.world.seed.create_key("ec")
    line, stdin, status, words = WRONG[case]
    assert words in (await shell.run(line, stdin=stdin, status=status)).output


async def test_a_vault_must_be_named(shell: Shell) -> None:
    shell.environ["AZURE_KEYVAULT_URL"] = ""
    assert "--vault-url" in (await shell.run("sign --key a", status=2)).output


async def test_by_job(shell: Shell) -> None:
    world = shell.world
    if world.cluster.sandbox is None:
        pytest.skip("the kubeconfig of the real cluster is not in the shell's folder")
    await world.start_operator()
    world.seed.create_key("seal", key_type="RSA")
    world.seed.create_key("release")
    await jobs.connect(world)
    await world.create(SECRETS, "app", data=encode(k="hunter2"))
    signature = shell.file(
        "signature", (await shell.job("sign --key release", stdin=LONG[:1000])).stdout_bytes
    )
    verify = f"verify --key release --signature {signature}"
    assert (await shell.job(verify, stdin=LONG[:1000])).stdout == "valid\n"
    assert (await shell.job(verify, stdin=b"other", status=1)).stdout == "not valid\n"
    document = (await shell.job("encrypt --key seal --from-secret app/k")).stdout_bytes
    assert (await shell.run("decrypt --key seal", stdin=document)).stdout_bytes == b"hunter2"
    told = await shell.job("decrypt --key seal --to-secret opened", stdin=document)
    assert told.stdout == "Secret opened\n"
    assert await world.secret("opened") == {"result": b"hunter2"}
    told = await shell.job("encrypt --key seal --envelope --from-secret app --to-configmap sealed")
    assert told.stdout == "ConfigMap sealed\n"
    assert (await jobs.config_map(world, "sealed"))["content"] == "SecretData"
    made = await shell.job("rotate --key seal --min-age 1m")
    assert made.stdout.strip() == jobs.key_id(world, "seal", world.vault.vault.keys.get("seal"))
    assert "CryptoJob" in made.stderr
    refused = await shell.job("decrypt --key seal --to-secret no", stdin=_broken(document), status=3)
    assert "OperationRefused" in refused.output
    late = await shell.job("sign --key missing --timeout 0.5", stdin=b"a", status=4)
    assert "it goes on" in late.output
    assert "--from-secret" in (await shell.job("encrypt --key seal", stdin=PLAIN, status=2)).output
    assert "--to-secret" in (await shell.job("decrypt --key seal", stdin=document, status=2)).output
    names = [job["metadata"]["name"] for job in await world.cluster.objects(CRYPTO_JOBS, world.namespace)]
    assert len(names) == 9


def _broken(document: bytes) -> bytes:
    fields: dict[str, Any] = json.loads(document)
    fields["result"] = base64.b64encode(b"\1" * 256).decode()
    return json.dumps(fields).encode()
