from pathlib import Path

import pytest

from tests.unit.injection.pods import BINDINGS, INSTALLATION, make_pod
from vaultbind.agent.config import Config, Variable, parse_config
from vaultbind.agent.errors import AgentError
from vaultbind.injection.mutate import mutate

LEAST = {
    "VAULTBIND_BINDINGS": "shop-db",
    "VAULTBIND_BROKER": "https://broker",
    "VAULTBIND_TOKEN_FILE": "/vaultbind/token/token",
}


def test_the_agent_understands_what_the_webhook_writes() -> None:
    annotations = {
        "bindings": "shop-db,shop-tls",
        "mode": "both",
        "file-mode": "0400",
        "refresh": "30s",
        "on-change": "signal:SIGHUP:nginx",
    }
    mutation = mutate(make_pod(annotations, shareProcessNamespace=True), INSTALLATION, BINDINGS)
    assert mutation is not None
    refresher = mutation.pod["spec"]["initContainers"][1]

    assert parse_config({item["name"]: item["value"] for item in refresher["env"]}) == Config(
        bindings=("shop-db", "shop-tls"),
        host="vaultbind-broker.vaultbind.svc",
        port=8443,
        ca=INSTALLATION.broker_ca,
        token_file=Path("/vaultbind/token/token"),
        deadline=120.0,
        files=Path("/vaultbind/files"),
        file_mode=0o400,
        env_file=Path("/vaultbind/env/variables"),
        variables=(
            Variable(binding="shop-db", key="USER", optional=False),
            Variable(binding="shop-db", key="PASSWORD", optional=False),
            Variable(binding="shop-db", key="EXTRA", optional=True),
        ),
        refresh=30.0,
        signal="SIGHUP",
        process="nginx",
    )


def test_defaults() -> None:
    config = parse_config(LEAST)

    assert (config.port, config.files, config.env_file, config.signal) == (443, None, None, "")


WRONG = {
    "nothing": ({}, "VAULTBIND_BROKER is not set"),
    "no bindings": ({"VAULTBIND_BROKER": "https://a"}, "VAULTBIND_BINDINGS is not set"),
    "plain http": (LEAST | {"VAULTBIND_BROKER": "http://a"}, "must be https://HOST:PORT"),
    "no host": (LEAST | {"VAULTBIND_BROKER": "https://"}, "must be https://HOST:PORT"),
    "no number": (LEAST | {"VAULTBIND_DEADLINE": "soon"}, "cannot be read"),
}


@pytest.mark.parametrize(("environ", "message"), WRONG.values(), ids=WRONG)
def test_wrong(environ: dict[str, str], message: str) -> None:
    with pytest.raises(AgentError, match=message):
        parse_config(environ)
