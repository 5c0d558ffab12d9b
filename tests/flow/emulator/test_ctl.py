"""`vaultbind emulator ctl` against a running emulator: what it prints, what it changes, how it fails."""

import asyncio
import json
import stat
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from vaultbind.cli.main import main
from vaultbind.emulator import Emulator, EmulatorConfig

TOKEN = "a token that is long enough"


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """A running emulator and the command line on it."""

    emulator: Emulator
    folder: Path

    async def run(self, words: str, *, stdin: str = "", status: int = 0, token: str = TOKEN) -> Any:
        """JSON of a command's output, or its error text when a status is expected."""
        environment = {
            "VAULTBIND_EMULATOR_URL": self.emulator.url,
            "VAULTBIND_EMULATOR_CA_FILE": str(self.folder / "ca.pem"),
            "VAULTBIND_EMULATOR_TOKEN": token,
        }
        arguments = ["emulator", "ctl", *words.format(folder=self.folder).split()]
        result = await asyncio.to_thread(CliRunner().invoke, main, arguments, input=stdin, env=environment)
        assert (result.exit_code, result.exception is None or status != 0) == (status, True), result.output
        return result.stderr if status else json.loads(result.stdout)


@pytest.fixture
async def control(tmp_path: Path) -> AsyncIterator[Control]:
    async with Emulator.start(EmulatorConfig(ca_file=tmp_path / "ca.pem", token=TOKEN)) as emulator:
        emulator.driver("shop").set_secret("db", "geheim")
        yield Control(emulator=emulator, folder=tmp_path)


async def test_time(control: Control) -> None:
    moved = await control.run("time advance 30d")
    assert moved["ahead"] == {"shared": 30 * 86_400, "vaults": {}}
    moved = await control.run("time advance 1h --back --vault shop")
    assert moved["ahead"]["vaults"] == {"shop": -3600}
    moved = await control.run("time set 2040-01-01T00:00:00Z --vault bank")
    assert moved["vaults"]["bank"].startswith("2040-01-01T00:00:0")
    assert (await control.run("time show"))["ahead"]["shared"] == 30 * 86_400
    await control.run("time reset --vault shop")
    assert (await control.run("time reset"))["ahead"] == {"shared": 0, "vaults": {}}


async def test_snapshots(control: Control) -> None:
    file = control.folder / "s.json"
    assert await control.run("snapshot -o {folder}/s.json") == {"written": str(file), "vaults": ["shop"]}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    control.emulator.driver("shop").set_secret("db", "other")
    assert await control.run("restore {folder}/s.json") == {"restored": ["shop"]}
    document = await control.run("snapshot")
    assert document["vaults"]["shop"] == json.loads(file.read_text())["vaults"]["shop"] | {"ids": 2}
    assert await control.run("restore -", stdin=json.dumps(document)) == {"restored": ["shop"]}


async def test_faults_and_access(control: Control) -> None:
    words = (
        "--vault shop --method GET --path /secrets* --route /secrets --principal p --status 429 --code C "
        "--inner-code I --message M --header A=b=c --retry-after 2 --delay 0.5 --count 3 --rate 0.5"
    )
    assert await control.run(f"fault add {words} --before-auth") == {"ids": [1]}
    assert await control.run("fault add --cut") == {"ids": [2]}
    assert await control.run("fault add --refuse") == {"ids": [3]}
    faults = [active.fault for active in control.emulator.faults.active()]
    assert (faults[0].headers, faults[0].retry_after, faults[0].before_auth) == ({"A": "b=c"}, 2.0, True)
    assert [fault.ending for fault in faults] == ["whole", "cut", "refused"]
    assert [fault["id"] for fault in await control.run("fault list")] == [1, 2, 3]
    assert await control.run("fault clear 2") == {"cleared": 1}
    assert await control.run("fault clear") == {"cleared": 2}
    await control.run("access deny --kind secrets --action list --name x --vault s --principal p")
    assert (await control.run("access list"))[0]["kind"] == "secrets"
    assert await control.run("access clear") == {}
    assert await control.run("access list") == []


async def test_log_counters_and_vaults(control: Control) -> None:
    assert await control.run("vaults add bank") == {"vaults": ["bank", "shop"]}
    assert (await control.run("vaults list"))["vaults"] == ["bank", "shop"]
    assert (await control.run("stats"))["objects"]["shop"]["secrets"] == 1
    assert await control.run("stats --reset") == {}
    assert await control.run("log --vault shop --kind secrets --limit 5") == []


async def test_throttle(control: Control) -> None:
    switched = await control.run("throttle on --factor 0.01 --retry-after 3 --count-refused")
    assert switched["rules"] == {"factor": 0.01, "retryAfter": 3.0, "countRefused": True}
    assert (await control.run("throttle show"))["usage"] == []
    assert (await control.run("throttle off"))["rules"] is None


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("time advance soon", "must be a duration"),
        ("fault add --rate 7", "rate must be between 0 and 1"),
        ("fault add --status 1000", "status must be between"),
        ("access deny --code x", "code must be one of"),
        ("vaults add a.b", "name must have"),
        ("restore {folder}/ca.pem", "the file is not JSON"),
        ("snapshot -o {folder}/no/such", "cannot write"),
        ("--url https://127.0.0.1:1 stats", "is it running"),
        ("--url http://127.0.0.1:1 stats", "--url must be like"),
        ("--url https://127.0.0.1:x stats", "--url must be like"),
        ("--url https://[::1 stats", "--url must be like"),
        ("--ca-file {folder}/ca.pem.key stats", "cannot use --ca-file"),
    ],
)
async def test_what_is_wrong_is_said(control: Control, words: str, message: str) -> None:
    text = await control.run(words, status=1)
    assert message in text
    assert "Traceback" not in text


async def test_a_header_without_a_value_is_a_usage_error(control: Control) -> None:
    assert "NAME=VALUE" in await control.run("fault add --header x", status=2)


async def test_the_token_is_wanted_and_read_from_a_file(control: Control) -> None:
    assert "wants its token" in await control.run("stats", token="wrong", status=1)
    (control.folder / "token").write_text(f"{TOKEN}\n", encoding="utf-8")
    assert await control.run("--token-file {folder}/token stats", token="wrong")


async def test_an_authority_that_is_not_trusted_is_named(control: Control, tmp_path: Path) -> None:
    async with Emulator.start(EmulatorConfig(ca_file=tmp_path / "other.pem")):
        text = await control.run("--ca-file {folder}/other.pem stats", status=1)
    assert "give --ca-file" in text


async def test_event_subscriptions(control: Control) -> None:
    words = "--vault shop --type *.Secret* --topic mine --duplicates 0.5 --shuffle"
    assert await control.run(f"events subscribe all {words}") == {"name": "all", "state": "active"}
    (row,) = await control.run("events list")
    assert (row["topic"], row["duplicates"], row["shuffle"]) == ("mine", 0.5, True)
    assert "needs an endpoint" in await control.run("events subscribe x --schema eventgrid", status=1)
    assert await control.run("events unsubscribe all") == {"removed": 1}
    assert await control.run("events unsubscribe") == {"removed": 0}


async def test_roles_and_sessions(control: Control) -> None:
    wanted = {"shop": {"roles": [{"principal": "app", "role": "Owner", "scope": "secrets/db"}]}}
    words = "access allow --vault shop --principal app --role Owner --scope secrets/db"
    assert await control.run(words) == wanted
    assert await control.run("access rules") == wanted
    assert await control.run("access end-sessions --principal app") == {"principal": "app"}
    told = await control.run("access allow --vault shop --principal app --role King", status=1)
    assert "rules.shop.roles[0].role must be one of" in told
