"""Settings, certificate authority, token endpoints and control paths, each without a socket."""

import stat
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import jwt
import orjson
import pytest
from cryptography import x509

from vaultbind.emulator import tls
from vaultbind.emulator.config import EmulatorConfig, EmulatorConfigError, check_config
from vaultbind.emulator.control import handle_control
from vaultbind.emulator.identity import IdentityAnswer, IdentityEndpoints
from vaultbind.emulator.proof import ASSERTION_TYPE
from vaultbind.emulator.tls import load_authority
from vaultbind.keyvault.simulation import ApiRequest, Estate
from vaultbind.keyvault.simulation.tokens import parse_token

NOW = datetime(2027, 1, 15, 8, 0, 0, tzinfo=UTC)
SECONDS = int(NOW.timestamp())
Damage = Callable[[Path, Path], object]


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost", "a.localhost"])
def test_loopback_hosts_are_fine(host: str) -> None:
    check_config(EmulatorConfig(host=host))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "example.test", "localhost.example.test"])
def test_other_hosts_need_the_flag_and_a_token(host: str) -> None:
    with pytest.raises(EmulatorConfigError, match="loopback"):
        check_config(EmulatorConfig(host=host, token="t" * 16))
    with pytest.raises(EmulatorConfigError, match="token of at least 16 characters"):
        check_config(EmulatorConfig(host=host, allow_non_loopback=True, token="t" * 15))
    check_config(EmulatorConfig(host=host, allow_non_loopback=True, token="t" * 16))


def test_all_mistakes_of_the_settings_are_told_at_once() -> None:
    with pytest.raises(EmulatorConfigError) as caught:
        check_config(
            EmulatorConfig(
                host="0.0.0.0",
                port=70_000,
                latency=-1,
                page_sizes=(3, 0),
                vaults=("ok", "not.ok"),
                names=("a.test", "*.a.test", "10.0.0.1", "not ok"),
            )
        )
    assert len(caught.value.problems) == 6


def test_the_authority_is_kept_over_restarts_and_its_key_is_private(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    first = load_authority(file, NOW)
    assert load_authority(file, NOW).pem() == first.pem() == file.read_text(encoding="ascii")
    assert stat.S_IMODE((tmp_path / "ca.pem.key").stat().st_mode) == 0o600


def replace_key(ca_file: Path, key_file: Path) -> None:
    other = ca_file.with_name("other")
    load_authority(other, NOW)
    key_file.write_bytes(other.with_name("other.key").read_bytes())


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda ca, key: key.unlink(), id="key is gone"),
        pytest.param(replace_key, id="key of another"),
    ],
)
def test_an_authority_that_can_not_be_used_is_replaced(
    tmp_path: Path, damage: Callable[[Path, Path], object]
) -> None:
    file = tmp_path / "ca.pem"
    old = load_authority(file, NOW).pem()
    damage(file, tmp_path / "ca.pem.key")
    new = load_authority(file, NOW)
    assert new.pem() != old
    assert new.certificate.public_key() == new.key.public_key()
    assert file.read_text(encoding="ascii") == new.pem()


def test_an_empty_file_may_become_the_authority(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.touch()
    assert load_authority(file, NOW).pem() == file.read_text(encoding="ascii")


@pytest.mark.parametrize("name", ["ca.pem", "ca.pem.key"])
def test_what_the_emulator_did_not_write_stays(tmp_path: Path, name: str) -> None:
    foreign = tmp_path / name
    foreign.write_text("somebody's notes", encoding="ascii")
    with pytest.raises(FileExistsError, match="remove it or name another --ca-file") as caught:
        load_authority(tmp_path / "ca.pem", NOW)
    assert caught.value.filename == str(foreign)
    assert [file.name for file in tmp_path.iterdir()] == [name]
    assert foreign.read_text(encoding="ascii") == "somebody's notes"


def test_a_certificate_of_others_stays_when_its_key_is_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "ca.pem"
    with monkeypatch.context() as patch:
        patch.setattr(tls, "CA_NAME", "Example Root")
        file.write_text(tls.new_authority(NOW).pem(), encoding="ascii")
    before = file.read_bytes()
    with pytest.raises(FileExistsError):
        load_authority(file, NOW)
    assert file.read_bytes() == before


def test_an_authority_near_its_end_is_replaced(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    old = load_authority(file, NOW)
    assert load_authority(file, NOW + timedelta(days=3600)).pem() != old.pem()
    x509.load_pem_x509_certificate(file.read_bytes())


def endpoints(**clients: str) -> IdentityEndpoints:
    return IdentityEndpoints(clients, "right", "tenant", 3600)


def entra(**form: str) -> ApiRequest:
    form = {
        "grant_type": "client_credentials",
        "client_id": "app",
        "scope": "https://vault.a/.default",
        **form,
    }
    body = urlencode({name: value for name, value in form.items() if value}).encode()
    return ApiRequest(method="POST", host="h:1", path="/t/oauth2/v2.0/token", body=body)


def answered(request: ApiRequest, **clients: str) -> IdentityAnswer:
    answer = endpoints(**clients).handle(request, SECONDS)
    assert answer is not None
    return answer


def test_a_client_secret_gets_a_token_for_its_audience() -> None:
    answer = answered(entra(client_secret="s"))
    claims = parse_token(answer.content["access_token"])
    assert claims is not None
    assert (claims.audience, claims.principal, claims.expires) == ("https://vault.a", "app", SECONDS + 3600)
    assert "access_token" not in repr(answer)


@pytest.mark.parametrize(
    ("form", "status", "number"),
    [
        ({"client_secret": "wrong"}, 401, 7000215),
        ({"client_secret": ""}, 401, 7000216),
        ({"client_secret": "s", "client_id": "stranger"}, 400, 700016),
        ({"client_secret": "s", "grant_type": "password"}, 400, 70003),
        ({"client_secret": "s", "scope": ""}, 400, 900144),
        ({"client_assertion_type": ASSERTION_TYPE, "client_assertion": "no-jwt"}, 401, 50027),
    ],
)
def test_refused_token_requests(form: dict[str, str], status: int, number: int) -> None:
    answer = answered(entra(**form), app="s")
    assert (answer.status, answer.content["error_codes"]) == (status, [number])


def test_a_federated_assertion_gets_a_token() -> None:
    answer = answered(entra(client_assertion_type=ASSERTION_TYPE, client_assertion="a.b.c"))
    assert (answer.status, answer.operation) == (200, "token.assertion")


@pytest.mark.parametrize(
    ("path", "headers", "query", "status"),
    [
        ("/metadata/identity/oauth2/token", {"metadata": "true"}, {"resource": "https://v"}, 200),
        ("/metadata/identity/oauth2/token", {}, {"resource": "https://v"}, 400),
        ("/metadata/identity/oauth2/token", {"metadata": "true"}, {}, 400),
        ("/msi/token", {"x-identity-header": "right"}, {"resource": "https://v"}, 200),
        ("/msi/token", {"x-identity-header": "wrong"}, {"resource": "https://v"}, 400),
        ("/msi/token", {}, {"resource": "https://v"}, 400),
    ],
)
def test_managed_identity_endpoints(
    path: str, headers: dict[str, str], query: dict[str, str], status: int
) -> None:
    request = ApiRequest(method="GET", host="h", path=path, headers=headers, query=query)
    assert answered(request).status == status


def test_a_user_assigned_identity_is_its_own_principal() -> None:
    query = {"resource": "https://v", "client_id": "mine"}
    request = ApiRequest(
        method="GET", host="h", path="/msi/token", headers={"x-identity-header": "right"}, query=query
    )
    claims = parse_token(answered(request).content["access_token"])
    assert claims is not None
    assert claims.principal == "mine"


@pytest.mark.parametrize("version", ["", "v2.0/"])
def test_anybody_can_check_our_tokens_by_what_discovery_names(version: str) -> None:
    """With a library that knows nothing of us."""
    path = f"/tenant/{version}.well-known/openid-configuration"
    document = answered(ApiRequest(method="GET", host="h:1", path=path)).content
    keys_path = document["jwks_uri"].removeprefix("https://h:1")
    published = answered(ApiRequest(method="GET", host="h:1", path=keys_path)).content
    keys = jwt.PyJWKSet.from_dict(dict(published))
    query = {"resource": "https://v"}
    headers = {"x-identity-header": "right"}
    request = ApiRequest(method="GET", host="h", path="/msi/token", headers=headers, query=query)
    token = answered(request).content["access_token"]
    key = keys[jwt.get_unverified_header(token)["kid"]]
    algorithms = document["id_token_signing_alg_values_supported"]
    options: Any = {"verify_exp": False, "verify_nbf": False, "verify_iat": False}
    claims = jwt.decode(token, key, algorithms=algorithms, audience="https://v", options=options)
    assert claims["appid"] == "system-assigned"
    if not version:  # the tokens are of Entra's first version
        assert claims["iss"] == document["issuer"]
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(f"{token[:-6]}AAAAAA", key, algorithms=algorithms, audience="https://v", options=options)


def test_discovery_names_this_host_and_vault_paths_are_left_alone() -> None:
    request = ApiRequest(method="GET", host="h:1", path="/t/v2.0/.well-known/openid-configuration")
    assert answered(request).content["token_endpoint"] == "https://h:1/t/oauth2/v2.0/token"
    assert endpoints().handle(ApiRequest(method="GET", host="h", path="/secrets/a"), SECONDS) is None


def control(estate: Estate, method: str, path: str, body: bytes = b"", **query: str) -> tuple[int, object]:
    request = ApiRequest(method=method, host="h", path=f"/_vaultbind/{path}", body=body, query=query)
    response = handle_control(request, estate)
    return response.status, orjson.loads(response.body) if response.body else None


def test_faults_are_set_shown_and_cleared() -> None:
    estate = Estate()
    assert control(estate, "POST", "faults", b'[{"status":429,"count":3},{"refuse":true}]') == (
        201,
        {"ids": [1, 2]},
    )
    shown = [
        {
            "id": 1,
            "struck": 0,
            "left": 3,
            "rate": 1.0,
            "delay": 0.0,
            "status": 429,
            "count": 3,
            "beforeAuth": False,
        },
        {"id": 2, "struck": 0, "left": None, "rate": 1.0, "delay": 0.0, "refuse": True, "beforeAuth": True},
    ]
    assert control(estate, "GET", "faults") == (200, shown)
    assert control(estate, "DELETE", "faults", id="1") == (200, {"cleared": 1})
    assert control(estate, "DELETE", "faults") == (200, {"cleared": 1})
    assert control(estate, "GET", "faults") == (200, [])


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("faults", b"{"),
        ("faults", b'{"status":1}'),
        ("access", b'[{"code":"x"}]'),
        ("access", b"7"),
        ("access", b'{"kind":"secret"}'),
        ("access", b'[{"action":"list*"},{"action":"lst*"}]'),
    ],
)
def test_bad_control_requests_are_told_why_and_change_nothing(path: str, body: bytes) -> None:
    estate = Estate()
    status, content = control(estate, "POST", path, body)
    assert status == 400
    assert isinstance(content, dict)
    assert content["errors"]
    assert not estate.faults
    assert not estate.access.denials()


def test_access_is_denied_shown_and_restored() -> None:
    estate = Estate()
    assert control(estate, "POST", "access", b'{"action":"list"}') == (201, {"denials": 1})
    _, shown = control(estate, "GET", "access")
    assert isinstance(shown, list)
    assert shown[0]["action"] == "list"
    assert control(estate, "DELETE", "access") == (204, None)
    assert estate.access.denials() == ()


def test_stats_count_objects_and_unknown_control_paths_are_404() -> None:
    estate = Estate()
    estate.driver("shop").set_secret("a", "x")
    _, stats = control(estate, "GET", "stats")
    assert isinstance(stats, dict)
    assert stats["objects"] == {"shop": {"secrets": 1, "keys": 0, "certificates": 0}}
    assert control(estate, "GET", "nothing")[0] == 404


def test_the_emulator_loads_nothing_of_azure() -> None:
    program = "import sys, vaultbind.emulator; print([m for m in sys.modules if m.split('.')[0] == 'azure'])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
