"""`vaultbind crypto`: the same operations from a terminal, with and without a cluster."""

import asyncio
import base64
import hashlib
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from tests.flow import jobs
from tests.flow.world import World
from tests.flow.world_cluster import encode
from tools.realcluster import RealCluster
from vaultbind.cli import crypto_flags, crypto_job
from vaultbind.cli.crypto_job import JobFailedError
from vaultbind.cli.main import main
from vaultbind.keyvault.simulation import Fault
from vaultbind.keyvault.simulation.changes import Changes
from vaultbind.kube.resources import CRYPTO_JOBS, SECRETS

PLAIN = b"hunter2 \xff\0"
LONG = os.urandom(300_000)


class Shell:
    """Runs commands with a folder of their own."""

    def __init__(self, world: World, folder: Path, kubeconfig: Path) -> None:
        self.world, self.folder, self.kubeconfig = world, folder, kubeconfig
        self.ca = folder / "ca.pem"
        self.ca.write_text(world.emulator.ca_pem)
        self.environ = {
            "AZURE_KEYVAULT_URL": world.emulator.vault_url("shop"),
            "AZURE_TOKEN_CREDENTIALS": "prod",
        }

    async def run(self, line: str, *, stdin: bytes = b"", status: int = 0) -> Result:
        arguments = ["crypto", *line.split()]
        if "--job" not in arguments and "--ca-file" not in arguments:
            arguments += ["--ca-file", str(self.ca)]
        result = await asyncio.to_thread(
            CliRunner().invoke, main, arguments, input=stdin, env=self.environ, catch_exceptions=False
        )
        assert result.exit_code == status, result.output
        return result

    async def job(self, line: str, *, stdin: bytes = b"", status: int = 0) -> Result:
        place = (
            f"--job -n {self.world.namespace} --vault {self.world.vault_name} --vault-kind ClusterKeyVault"
        )
        return await self.run(f"{line} {place} --kubeconfig {self.kubeconfig}", stdin=stdin, status=status)

    def file(self, name: str, data: bytes = b"") -> str:
        path = self.folder / name
        if data:
            path.write_bytes(data)
        return str(path)

    def read(self, name: str) -> bytes:
        return (self.folder / name).read_bytes()


@pytest.fixture
def shell(quiet_world: World, real: tuple[RealCluster, Path] | None, tmp_path: Path) -> Shell:
    """As a person: with the rights of whoever made the cluster."""
    return Shell(quiet_world, tmp_path, tmp_path / "kubeconfig" if real is None else real[0].kubeconfig)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """--timeout is over as soon as a job says what it waits for, however slow the machine is."""
    passed = [0.0]
    show = crypto_job.Progress.show

    def show_and_hurry(progress: crypto_job.Progress, ready: Mapping[str, Any]) -> None:
        show(progress, ready)
        if ready.get("status") == "False":
            passed[0] += 3600.0

    clock = SimpleNamespace(monotonic=lambda: time.monotonic() + passed[0])
    monkeypatch.setattr(crypto_job, "time", clock)
    monkeypatch.setattr(crypto_job.Progress, "show", show_and_hurry)


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


async def test_a_ciphertext_that_no_size_opens_is_told_once(shell: Shell) -> None:
    """Without an algorithm all sizes are tried, and the last refusal alone would mislead."""
    shell.world.seed.create_key("aes", key_type="oct-HSM", size=256)
    document = json.loads((await shell.run("encrypt --key aes", stdin=PLAIN)).stdout_bytes)
    del document["algorithm"]
    opened = await shell.run("decrypt --key aes", stdin=json.dumps(document).encode())
    assert opened.stdout_bytes == PLAIN
    document["tag"] = base64.b64encode(bytes(16)).decode()
    told = (await shell.run("decrypt --key aes", stdin=json.dumps(document).encode(), status=3)).output
    assert "none of A256GCM, A192GCM, A128GCM fits" in told
    assert "name the algorithm" in told
    assert len(told.splitlines()) == 1


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
    "other signing algorithm": ("sign --key seal --algorithm ES256", b"a", 3, "needs a key of type EC"),
    "too long": ("encrypt --key seal", LONG, 3, "190 bytes"),
    "digest of another hash": ("sign --key seal --digest --algorithm RS512", b"d" * 32, 3, "64 bytes"),
    "wrong key": (
        "decrypt --key seal",
        b'{"result": "AA==", "keyId": "https://shop.vault.azure.net/keys/other/1"}',
        3,
        "another key",
    ),
    "wrong type": ("encrypt --key ec", b"a", 3, "may not be used for encrypt"),
}


NOT_HERE = "/nowhere/at/all"
DOCUMENT = b'{"result": "AA==", "algorithm": "NONE"}'
USAGE: Mapping[str, tuple[str, bytes, str]] = {
    "no key named": ("sign", b"", "--key"),
    "empty key": ("sign --key=", b"", "--key"),
    "key with a dot": ("sign --key a.b", b"", "--key"),
    "version": ("sign --key seal --key-version 1", b"", "--key-version"),
    "algorithm unknown": ("sign --key seal --algorithm MD5", b"a", "--algorithm"),
    "algorithm of another operation": ("sign --key seal --algorithm RSA-OAEP", b"a", "--algorithm"),
    "algorithm of no envelope": ("encrypt --key seal --envelope --algorithm A256GCM", b"a", "--algorithm"),
    "algorithm of an envelope": ("encrypt --key seal --algorithm A256KW", b"a", "--algorithm"),
    "algorithm of a job": ("sign --job --key seal --algorithm MD5", b"a", "--algorithm"),
    "rotation has no algorithm": ("rotate --key seal --algorithm RS256", b"", "--algorithm"),
    "rotation has no version": ("rotate --key seal --key-version 1", b"", "--key-version"),
    "duration": ("rotate --key seal --min-age soon", b"", "--min-age"),
    "duration of a job": ("rotate --job --key seal --min-age soon", b"", "--min-age"),
    "no file": (f"sign --key seal --in {NOT_HERE}", b"", "--in"),
    "no file to encrypt": (f"encrypt --key seal --in {NOT_HERE}", b"", "--in"),
    "no file to encrypt whole": (f"encrypt --envelope --key seal --in {NOT_HERE}", b"", "--in"),
    "no file to open": (f"decrypt --key seal --in {NOT_HERE}", b"", "--in"),
    "no file for a job": (f"sign --job --key seal --in {NOT_HERE}", b"", "--in"),
    "a folder": ("sign --key seal --in /", b"", "--in"),
    "no signature": (f"verify --key seal --signature {NOT_HERE}", b"", "--signature"),
    "signature not named": ("verify --key seal", b"", "--signature"),
    "signature is the input": ("verify --key seal --signature -", b"", "--signature"),
    "no folder for the output": (f"sign --key seal --out {NOT_HERE}", b"a", "--out"),
    "no CA file": (f"sign --key seal --ca-file {NOT_HERE}", b"", "--ca-file"),
    "no document": ("decrypt --key seal", b"[]", "--in"),
    "document with an odd algorithm": ("decrypt --key seal", DOCUMENT, "--in"),
    "document with an odd algorithm for a job": ("decrypt --job --key seal --to-secret s", DOCUMENT, "--in"),
    "no digest": ("sign --key seal --digest", b"a", "--in"),
    "no digest for a job": ("sign --job --key seal --digest", b"a", "--in"),
    "digest of a JWS": ("sign --key seal --digest --form jws", b"d" * 32, "--digest"),
    "digest of a JWS to verify": ("verify --key seal --digest --form jws --signature -", b"d", "--digest"),
    "form": ("sign --key seal --form pem", b"", "--form"),
    "binary JWS": ("sign --key seal --binary --form jws", b"", "--binary"),
    "binary JSON": ("sign --key seal --binary --json", b"", "--binary"),
    "JWS of a job too large": ("sign --job --key seal --form jws", b"a" * 786_433, "--in"),
    "envelope of a job too large": (
        "decrypt --job --envelope --key seal --to-secret s",
        b"a" * 786_433,
        "--in",
    ),
    "job's flag: secret": ("encrypt --key seal --from-secret s", b"a", "--from-secret"),
    "job's flag: target": ("decrypt --key seal --to-secret s", b"a", "--to-secret"),
    "job's flag: map": ("encrypt --key seal --to-configmap s", b"a", "--to-configmap"),
    "job's flag: namespace": ("sign --key seal -n a", b"a", "--namespace"),
    "job's flag: name": ("sign --key seal --name a", b"a", "--name"),
    "job's flag: vault": ("sign --key seal --vault a", b"a", "--vault"),
    "job's flag: timeout": ("sign --key seal --timeout 1", b"a", "--timeout"),
    "job's flag: kubeconfig": ("sign --key seal --kubeconfig a", b"a", "--kubeconfig"),
    "vault's flag: url": ("sign --job --key seal --vault-url https://a.test", b"a", "--vault-url"),
    "kind without a vault": ("sign --job --key seal --vault-kind KeyVault", b"a", "--vault-kind"),
    "job with plaintext": (f"encrypt --job --key seal --from-secret s --in {NOT_HERE}", b"", "--in"),
    "job without plaintext": ("encrypt --job --key seal", b"a", "--from-secret"),
    "job without target": ("decrypt --job --key seal", b"a", "--to-secret"),
    "job with a file as target": ("decrypt --job --key seal --to-secret s --out f", b"", "--out"),
    "job with two targets": (
        "wrap --job --key seal --from-secret s/k --to-configmap m --out f",
        b"",
        "--out",
    ),
    "name of a job": ("sign --job --key seal --name A_", b"a", "--name"),
    "timeout": ("sign --job --key seal --timeout 0", b"a", "--timeout"),
    "kubeconfig": (f"sign --job --key seal --kubeconfig {NOT_HERE}", b"a", NOT_HERE),
    "vault's address": ("sign --key seal --vault-url nonsense", b"a", "--vault-url"),
}


@pytest.mark.parametrize("case", USAGE)
def test_wrong_usage_is_told_by_its_flag(case: str) -> None:
    """Nothing is asked: there is no vault and no cluster."""
    line, stdin, flag = USAGE[case]
    environ = {"AZURE_KEYVAULT_URL": "https://shop.vault.azure.net"}
    result = CliRunner().invoke(main, ["crypto", *line.split()], input=stdin, env=environ)
    assert result.exit_code == 2, (result.output, result.exception)
    assert flag in result.output.partition("Error")[2]


async def test_a_ca_file_that_is_none_is_told(shell: Shell) -> None:
    for data in (b"\xff", b"nothing", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"):
        path = shell.file("other", data)
        result = await shell.run(f"sign --key a --ca-file {path}", stdin=b"a", status=2)
        assert "--ca-file" in result.output


async def test_trouble_that_may_pass(shell: Shell) -> None:
    shell.world.seed.create_key("release")
    shell.world.emulator.faults.add(Fault(status=503, retry_after=0.0))
    await shell.run("sign --key release", stdin=b"a", status=4)


def ask(line: str) -> Result:
    """Run a command with neither vault nor cluster in reach: nothing listens on port 1."""
    environ = {"AZURE_TOKEN_CREDENTIALS": "prod"}
    return CliRunner().invoke(main, ["crypto", *line.split()], input=b"a", env=environ)


def test_a_vault_out_of_reach_is_named_once() -> None:
    result = ask("sign --key seal --vault-url https://127.0.0.1:1")
    assert result.exit_code == 4, result.output
    assert result.output.startswith("Error: The vault cannot be reached: 127.0.0.1:1: seal")
    assert result.output.count("127.0.0.1:1:") == 1


async def test_other_refusals_name_the_vault_too(shell: Shell) -> None:
    told = (await shell.run("sign --key missing", stdin=b"a", status=3)).output
    assert told.startswith(
        f"Error: {shell.environ['AZURE_KEYVAULT_URL']}: The vault has no such key: missing"
    )


@pytest.mark.parametrize("case", WRONG)
async def test_what_goes_wrong_is_told(shell: Shell, case: str) -> None:
    shell.world.seed.create_key("seal", key_type="RSA")
    shell.world.seed.create_key("ec")
    line, stdin, status, words = WRONG[case]
    assert words in (await shell.run(line, stdin=stdin, status=status)).output


async def test_a_vault_must_be_named(shell: Shell) -> None:
    shell.environ["AZURE_KEYVAULT_URL"] = ""
    assert "--vault-url" in (await shell.run("sign --key a", status=2)).output


@pytest.mark.parametrize(("flag", "made"), [("", 1), ("--algorithm ES384", 0)], ids=["a key's", "named"])
async def test_a_signature_that_is_no_der_costs_no_second_job(shell: Shell, flag: str, made: int) -> None:
    """Which algorithm it is tells the first one, where nobody has named it; no other digest can help."""
    world = shell.world
    await world.start_operator()
    world.seed.create_key("release", curve="P-384")
    await jobs.connect(world)
    broken = shell.file("signature", b"no DER")
    line = f"verify --key release --form der --signature {broken} {flag}"
    told = await shell.job(line, stdin=LONG[:1000], status=2)
    assert "it is no DER signature by ES384" in told.output
    assert len(await world.cluster.objects(CRYPTO_JOBS, world.namespace)) == made


@pytest.mark.usefixtures("impatient")
async def test_by_job(shell: Shell) -> None:
    world = shell.world
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
    late = await shell.job("sign --key missing", stdin=b"a", status=4)
    assert "goes on; KeyNotFound: the vault has no key missing" in late.output
    names = [job["metadata"]["name"] for job in await world.cluster.objects(CRYPTO_JOBS, world.namespace)]
    assert len(names) == 9


@pytest.mark.parametrize(
    ("options", "algorithm", "made"),
    [
        ({"key_type": "RSA"}, "RS256", 1),
        ({"curve": "P-256"}, "ES256", 1),
        ({"curve": "P-384"}, "ES384", 2),
        ({"curve": "P-521"}, "ES512", 2),
        ({"key_type": "oct-HSM"}, "HS256", 1),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_job_gets_the_digest_of_a_large_file(
    shell: Shell, options: dict[str, Any], algorithm: str, made: int
) -> None:
    """Where only the key tells which hash it takes, a first job finds out."""
    world = shell.world
    await world.start_operator()
    world.seed.create_key("release", **options)
    if algorithm == "HS256":
        change_operations(world, "release", ("sign", "verify"))
    await jobs.connect(world)
    data, document = shell.file("data", LONG * 10), shell.file("document")
    await shell.job(f"sign --key release --json --name release --in {data} --out {document}")
    assert json.loads(shell.read("document"))["algorithm"] == algorithm
    assert (await shell.run(f"verify --key release --signature {document} --in {data}")).output == "valid\n"
    found = await world.cluster.objects(CRYPTO_JOBS, world.namespace)
    assert len(found) == made
    for job in found:
        assert job["spec"]["messageType"] == "Digest"
        assert len(job["spec"]["input"]["value"]) <= 88
    verify = f"verify --key release --signature {document}"
    assert (await shell.job(f"{verify} --in {data}")).stdout == "valid\n"
    assert (await shell.job(verify, stdin=b"other", status=1)).stdout == "not valid\n"
    named = f"sign --key release --algorithm {algorithm} --in {data}"
    before = len(await world.cluster.objects(CRYPTO_JOBS, world.namespace))
    await shell.job(named)
    assert len(await world.cluster.objects(CRYPTO_JOBS, world.namespace)) == before + 1


@pytest.mark.usefixtures("impatient")
async def test_a_job_that_fails_for_another_reason_is_not_tried_again(shell: Shell) -> None:
    await shell.world.start_operator()
    shell.world.seed.create_key("seal", key_type="RSA")
    change_operations(shell.world, "seal", ("encrypt",))
    await jobs.connect(shell.world, crypto={"allowedKeys": ["*"], "allowedOperations": ["Sign"]})
    line = "sign --key seal --algorithm RS512"
    late = await shell.job(line, stdin=b"a", status=4)
    assert "goes on; KeyOperationNotAllowed: key seal may not be used for sign" in late.output
    assert len(await shell.world.cluster.objects(CRYPTO_JOBS, shell.world.namespace)) == 1


FAILURES: Mapping[str, tuple[str, str, int]] = {
    "the digest is of another hash": ("InputInvalid", "ES384", 2),
    "the hash was right": ("InputInvalid", "ES256", 1),
    "the vault was in trouble": ("BackoffLimitExceeded", "ES384", 1),
    "time was over": ("DeadlineExceeded", "ES384", 1),
    "nobody knows which hash": ("InputInvalid", "", 1),
}


@pytest.mark.parametrize("case", FAILURES)
def test_a_second_job_is_made_only_where_another_digest_can_help(
    monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    reason, algorithm, made = FAILURES[case]
    specs: list[Mapping[str, Any]] = []

    def fail(_place: Any, spec: Mapping[str, Any]) -> Mapping[str, Any]:
        specs.append(spec)
        raise JobFailedError({"reason": reason, "message": "as told"}, {"algorithm": algorithm})

    monkeypatch.setattr(crypto_flags, "submit", fail)
    result = ask("sign --job --key release")
    assert (result.exit_code, result.output) == (3, f"Error: {reason}: as told\n")
    assert len(specs) == made


async def test_a_namespace_that_is_not_there_is_named(shell: Shell) -> None:
    line = f"sign --job --key seal -n nowhere --kubeconfig {shell.kubeconfig}"
    told = (await shell.run(line, stdin=b"a", status=3)).output
    assert "namespace nowhere" in told
    assert "name another with --namespace" in told


@pytest.mark.usefixtures("impatient")
async def test_a_vault_of_the_other_kind_is_thought_of(shell: Shell) -> None:
    """Who leaves --vault-kind out asks for a KeyVault."""
    world = shell.world
    await world.start_operator()
    await jobs.connect(world)
    line = f"sign --job --key seal -n {world.namespace} --vault {world.vault_name}"
    late = await shell.run(f"{line} --kubeconfig {shell.kubeconfig}", stdin=b"a", status=4)
    assert f"KeyVaultNotFound: KeyVault {world.namespace}/{world.vault_name} does not exist" in late.output
    assert "--vault-kind ClusterKeyVault" in late.output
    late = await shell.job("sign --key missing", stdin=b"a", status=4)
    assert "--vault-kind" not in late.output


def change_operations(world: World, key: str, operations: tuple[str, ...]) -> None:
    now = int(world.clock.now().timestamp())
    world.vault.vault.keys.update(key, now=now, changes=Changes(operations=operations))


def _broken(document: bytes) -> bytes:
    fields: dict[str, Any] = json.loads(document)
    fields["result"] = base64.b64encode(b"\1" * 256).decode()
    return json.dumps(fields).encode()
