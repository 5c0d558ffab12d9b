"""The pytest plugin, as somebody's test suite sees it."""

import ast
import subprocess
import sys

import pytest

from tests.unit.docs.pages import load
from vaultbind.emulator import EmulatorConfig, EmulatorConfigError
from vaultbind.testing import server

INI = """
[pytest]
asyncio_mode = auto
asyncio_default_fixture_loop_scope = function
filterwarnings = error
"""


def outcomes(pytester: pytest.Pytester, program: str) -> dict[str, int]:
    pytester.makeini(INI)
    pytester.makepyfile(program)
    return pytester.runpytest_inprocess("-p", "no:cacheprovider").parseoutcomes()


def test_the_fixtures_are_there_without_being_imported(pytester: pytest.Pytester) -> None:
    pytester.makeini(INI)
    result = pytester.runpytest_inprocess("--fixtures", "-p", "no:cacheprovider")
    result.stdout.fnmatch_lines(["keyvault -- *", "keyvault_client -- *", "keyvault_server -- *"])


def test_a_test_with_vaultbinds_client(pytester: pytest.Pytester) -> None:
    program = """
    async def test_read(keyvault, keyvault_client):
        keyvault.set_secret("db", "geheim")
        secret = await keyvault_client.secrets.get_secret("db")
        assert secret.value.expose_secret() == "geheim"
        assert keyvault.asked() == ("secrets.get db 200",)

    async def test_empty(keyvault, keyvault_client):
        assert keyvault.asked() == ()
        assert len(keyvault.estate.vault("test").secrets.store) == 0
    """
    assert outcomes(pytester, program) == {"passed": 2}


def test_threads_that_make_rsa_keys_end_with_their_test(pytester: pytest.Pytester) -> None:
    program = """
    import threading

    THREADS = []

    def test_local(keyvault):
        before = threading.enumerate()
        keyvault.create_key("k", key_type="RSA")
        THREADS.extend(thread for thread in threading.enumerate() if thread not in before)
        assert [thread.name for thread in THREADS] == ["rsa-keys_0"]

    def test_ended():
        assert not any(thread.is_alive() for thread in THREADS)

    def test_served(keyvault_server):
        keyvault_server.create_key("k", key_type="RSA")
    """
    assert outcomes(pytester, program) == {"passed": 3}


def test_a_test_with_azures_async_client_faults_denials_and_time(pytester: pytest.Pytester) -> None:
    program = """
    from datetime import timedelta
    import pytest
    from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
    from azure.keyvault.secrets.aio import SecretClient

    @pytest.fixture
    async def client(keyvault):
        options = {"transport": keyvault.transport, "retry_total": 0}
        async with SecretClient(keyvault.url, keyvault.credential, **options) as client:
            yield client

    async def test_fault(keyvault, client):
        keyvault.set_secret("db", "geheim")
        keyvault.fail(status=500, count=1)
        with pytest.raises(HttpResponseError) as caught:
            await client.get_secret("db")
        assert caught.value.status_code == 500
        assert (await client.get_secret("db")).value == "geheim"

    async def test_denial(keyvault, client):
        keyvault.set_secret("db", "geheim")
        keyvault.deny(kind="secrets", action="get")
        keyvault.fail(delay=0, rate=0)
        with pytest.raises(HttpResponseError) as caught:
            await client.get_secret("db")
        assert caught.value.status_code == 403
        keyvault.heal()
        assert (await client.get_secret("db")).value == "geheim"

    async def test_time(keyvault, client):
        keyvault.set_secret("db", "geheim")
        before = keyvault.now()
        keyvault.delete("secrets", "db")
        keyvault.advance(timedelta(days=91))
        assert keyvault.now() >= before + timedelta(days=91)
        with pytest.raises(ResourceNotFoundError):
            await client.get_deleted_secret("db")

    def test_a_wrong_fault_is_told(keyvault):
        with pytest.raises(ValueError, match="speed is unknown"):
            keyvault.fail(speed=1)
    """
    assert outcomes(pytester, program) == {"passed": 4}


def test_a_test_over_https_with_azures_synchronous_client_and_default_credential(
    pytester: pytest.Pytester,
) -> None:
    program = """
    import os
    from datetime import timedelta
    import pytest
    from azure.identity import DefaultAzureCredential
    from azure.keyvault.secrets import SecretClient
    from vaultbind.keyvault.simulation import VaultProblem

    def test_sync(keyvault_server):
        keyvault_server.set_secret("db", "geheim")
        with DefaultAzureCredential() as credential:
            with SecretClient(os.environ["AZURE_KEYVAULT_URL"], credential) as client:
                assert client.get_secret("db").value == "geheim"
                client.set_secret("mine", "x")
        assert keyvault_server.asked() == ("secrets.get db 200", "secrets.set mine 200")
        assert keyvault_server.ca_file.exists()
        keyvault_server.advance(timedelta(days=2))
        keyvault_server.deny(action="nothing")

    def test_the_next_one_finds_it_empty(keyvault_server):
        assert keyvault_server.asked() == ()
        with pytest.raises(VaultProblem):
            keyvault_server.delete("secrets", "db")

    def test_the_environment_is_gone():
        assert "IDENTITY_ENDPOINT" not in os.environ
    """
    assert outcomes(pytester, program) == {"passed": 3}


def test_the_example_of_the_page_passes(pytester: pytest.Pytester) -> None:
    page = load("docs/emulator.md")
    (example,) = [block for block in page.blocks("python") if "keyvault_server" in block]
    assert outcomes(pytester, example) == {"passed": 2}


def test_loading_the_plugin_imports_nothing_heavy() -> None:
    program = "import sys, vaultbind.testing.plugin; print(sorted(m.split('.')[0] for m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not {"aiohttp", "azure", "cryptography", "yaml", "orjson"} & set(ast.literal_eval(done.stdout))


def test_a_server_that_cannot_start_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "EmulatorConfig", lambda **options: EmulatorConfig(port=-1, **options))
    with pytest.raises(EmulatorConfigError), server.EmulatorThread.start():
        pass
