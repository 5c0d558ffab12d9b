from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.injection.pods import BINDINGS, INSTALLATION, make_pod
from vaultbind.agent.config import Broker, Config, Variable, parse_broker, parse_config
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

    environ = {item["name"]: item["value"] for item in refresher["env"]}
    assert parse_broker(environ) == Broker(
        host="vaultbind-broker.vaultbind.svc",
        port=8443,
        ca=INSTALLATION.broker_ca,
        token_file=Path("/vaultbind/token/token"),
    )
    assert parse_config(environ) == Config(
        bindings=("shop-db", "shop-tls"),
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

    assert (parse_broker(LEAST).port, config.files, config.env_file, config.signal) == (443, None, None, "")


WRONG = {
    "nothing": (parse_config, {}, "VAULTBIND_BINDINGS is not set"),
    "no number": (parse_config, LEAST | {"VAULTBIND_DEADLINE": "soon"}, "cannot be read"),
    "no broker": (parse_broker, {}, "VAULTBIND_BROKER is not set"),
    "no token": (parse_broker, {"VAULTBIND_BROKER": "https://a"}, "VAULTBIND_TOKEN_FILE is not set"),
    "plain http": (parse_broker, LEAST | {"VAULTBIND_BROKER": "http://a"}, "must be https://HOST:PORT"),
    "no host": (parse_broker, LEAST | {"VAULTBIND_BROKER": "https://"}, "must be https://HOST:PORT"),
    "no port": (parse_broker, LEAST | {"VAULTBIND_BROKER": "https://a:x"}, "must be https://HOST:PORT"),
}


@pytest.mark.parametrize(("parse", "environ", "message"), WRONG.values(), ids=WRONG)
def test_wrong(parse: Callable[[dict[str, str]], object], environ: dict[str, str], message: str) -> None:
    with pytest.raises(AgentError, match=message):
        parse(environ)
