"""Credential plugins: real programs, what they are told, what they may answer, how they fail."""

import base64
import json
import shlex
import stat
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.unit.kube.test_access import CERT, KEY, encoded, kubeconfig
from vaultbind.kube import exec_plugin
from vaultbind.kube.access import fetch_kubeconfig_access
from vaultbind.kube.errors import KubeConfigError
from vaultbind.kube.exec_plugin import (
    RENEW_BEFORE,
    Credential,
    PluginTokens,
    ask_plugin,
    parse_credential,
)
from vaultbind.kube.kubeconfig import EXEC_VERSIONS, Cluster, Plugin
from vaultbind.kube.tokens import PLUGIN_MAX_AGE, CachedToken

VERSION = EXEC_VERSIONS[0]
CLUSTER = Cluster(server="https://api:6443")


def program(folder: Path, *lines: str) -> str:
    """A plugin in shell, as the command that a kubeconfig names."""
    path = folder / "plugin"
    path.write_text("\n".join(("#!/bin/sh", *lines, "")))
    path.chmod(stat.S_IRWXU)
    return str(path)


def says(version: str = VERSION, **status: str) -> str:
    answer = {"kind": "ExecCredential", "apiVersion": version, "status": status}
    return f"printf %s {shlex.quote(json.dumps(answer))}"


def plugin(command: str, **members: Any) -> Plugin:
    return Plugin(command=command, **members)


@pytest.mark.parametrize("version", EXEC_VERSIONS)
async def test_the_kubeconfigs_plugin_gives_the_token(tmp_path: Path, version: str) -> None:
    program(tmp_path, 'echo run >> "$(dirname "$0")/runs"', says(version, token="abc"))
    user = {"exec": {"apiVersion": version, "command": "./plugin"}}
    access = fetch_kubeconfig_access(str(kubeconfig(tmp_path, user=user)))

    assert [await access.tokens.authorization() for _ in range(3)] == ["Bearer abc"] * 3
    assert (tmp_path / "runs").read_text() == "run\n"


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        pytest.param({"token": "t"}, "Bearer t", id="token"),
        pytest.param({"username": "a", "password": "ü"}, "Basic " + encoded("a:ü".encode()), id="password"),
        pytest.param(
            {"client-certificate-data": encoded(CERT), "client-key-data": encoded(KEY)}, "", id="pair"
        ),
    ],
)
async def test_a_plugin_is_the_last_resort(tmp_path: Path, user: dict[str, Any], expected: str) -> None:
    failing = {"exec": {"apiVersion": VERSION, "command": "/no/such/plugin"}}
    access = fetch_kubeconfig_access(str(kubeconfig(tmp_path, user=user | failing)))

    assert await access.tokens.authorization() == expected


def test_arguments_and_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INHERITED", "x")
    command = program(
        tmp_path,
        'token="$1 $2 $INHERITED $ADDED"',
        f'echo "{{\\"kind\\": \\"ExecCredential\\", \\"apiVersion\\": \\"{VERSION}\\",'
        ' \\"status\\": {\\"token\\": \\"$token\\"}}"',
    )
    asked = plugin(command, args=("get token", "-l"), env={"ADDED": "y z"})

    assert ask_plugin(asked, CLUSTER).token == "get token -l x y z"


def told(folder: Path, cluster: Cluster, **members: Any) -> dict[str, Any]:
    """What a plugin finds in its environment."""
    command = program(folder, 'echo "$KUBERNETES_EXEC_INFO" > "$OUT"', says(token="t"))
    out = folder / "told"
    ask_plugin(plugin(command, env={"OUT": str(out)}, **members), cluster)
    found: dict[str, Any] = json.loads(out.read_text())
    return found


def test_it_is_told_whether_it_may_ask(tmp_path: Path) -> None:
    assert told(tmp_path, CLUSTER) == {
        "apiVersion": VERSION,
        "kind": "ExecCredential",
        "spec": {"interactive": False},
    }


@pytest.mark.parametrize("authority", [CERT, "file"])
def test_it_is_told_of_the_cluster_where_it_wants_that(tmp_path: Path, authority: bytes | str) -> None:
    (tmp_path / "ca").write_bytes(CERT)
    cluster = Cluster(
        server="https://api:6443",
        authority=authority if isinstance(authority, bytes) else tmp_path / "ca",
        server_name="api.test",
        proxy="http://p:3128",
        plugin_config={"audience": "x"},
    )

    assert told(tmp_path, cluster, provide_cluster_info=True)["spec"]["cluster"] == {
        "server": "https://api:6443",
        "tls-server-name": "api.test",
        "certificate-authority-data": base64.b64encode(CERT).decode(),
        "proxy-url": "http://p:3128",
        "config": {"audience": "x"},
    }


class Terminal:
    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        return 0


@pytest.mark.parametrize(
    ("mode", "terminal", "interactive"),
    [
        pytest.param("Never", True, False, id="never"),
        pytest.param("IfAvailable", True, True, id="if there is one"),
        pytest.param("IfAvailable", False, False, id="there is none"),
        pytest.param("Always", True, True, id="always"),
    ],
)
def test_modes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str, terminal: bool, interactive: bool
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal() if terminal else None)

    assert told(tmp_path, CLUSTER, interactive_mode=mode)["spec"]["interactive"] is interactive


@pytest.mark.parametrize(
    ("lines", "members", "complaint"),
    [
        pytest.param(
            ("echo hunter2", "echo hunter2 >&2", "exit 7"), {}, "ended with status 7; ", id="failing"
        ),
        pytest.param(("kill -9 $$",), {}, "ended with status -9; ", id="killed"),
        pytest.param(("echo hunter2",), {}, "printed no ExecCredential", id="no JSON"),
        pytest.param((says(),), {}, "without a token", id="nothing"),
        pytest.param(("exec sleep 60",), {}, "gave no answer in 0.2 s", id="hanging"),
        pytest.param((), {"interactive_mode": "Always"}, "there is no terminal", id="no terminal"),
        pytest.param((), {"command": "no-such-plugin"}, "cannot be run .*install it", id="missing"),
        pytest.param((), {"command": "/"}, "cannot be run", id="a folder"),
        pytest.param((), {"env": {"A\0": "hunter2"}}, "cannot be run", id="no variable"),
        pytest.param(
            (),
            {"command": "no-such-plugin", "install_hint": " brew install it\n"},
            r"path\. brew install it$",
            id="hint",
        ),
    ],
)
def test_failures_name_the_plugin_and_nothing_that_it_printed(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    lines: tuple[str, ...],
    members: dict[str, Any],
    complaint: str,
) -> None:
    monkeypatch.setattr(exec_plugin, "LONGEST_RUN", 0.2)
    members = {"command": program(tmp_path, *lines), "args": ("hunter2",)} | members
    with pytest.raises(KubeConfigError, match=complaint) as caught:
        ask_plugin(plugin(**members), CLUSTER)

    assert str(caught.value).startswith(f"the plugin {members['command']!r} ")
    assert "hunter2" not in "".join(traceback.format_exception(caught.value)) + "".join(capfd.readouterr())


def test_a_plugin_that_fails_at_the_start_is_told(tmp_path: Path) -> None:
    program(tmp_path, "exit 1")
    user = {"exec": {"apiVersion": VERSION, "command": "./plugin"}}
    path = kubeconfig(tmp_path, user=user)
    with pytest.raises(
        KubeConfigError, match=f"{path}, context 'config': the plugin '{tmp_path}/plugin' ended"
    ):
        fetch_kubeconfig_access(str(path))


PAIR = {"clientCertificateData": CERT.decode(), "clientKeyData": KEY.decode()}


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        pytest.param({"token": "t"}, Credential(token="t"), id="token"),
        pytest.param(PAIR, Credential(certificate=CERT, key=KEY), id="certificate"),
        pytest.param({"token": "t", **PAIR}, Credential(token="t", certificate=CERT, key=KEY), id="both"),
        pytest.param(
            {"token": "t", "expirationTimestamp": "1970-01-01T00:01:40Z"},
            Credential(token="t", expires=100),
            id="end",
        ),
        pytest.param(
            {"token": "t", "expirationTimestamp": "1970-01-01T02:01:40+02:00"},
            Credential(token="t", expires=100),
            id="end in another zone",
        ),
    ],
)
def test_answers(status: dict[str, str], expected: Credential) -> None:
    answer = {"kind": "ExecCredential", "apiVersion": VERSION, "status": status}
    assert parse_credential(plugin("p"), json.dumps(answer).encode()) == expected


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        pytest.param({"apiVersion": EXEC_VERSIONS[1]}, f"ExecCredential of {VERSION}", id="another version"),
        pytest.param({"kind": "Token"}, "ExecCredential of", id="another kind"),
        pytest.param({"status": None}, "without a token", id="no status"),
        pytest.param({"status": "hunter2"}, "no ExecCredential", id="a word"),
        pytest.param({"status": {"token": 5}}, "no ExecCredential", id="a number"),
        pytest.param({"status": {"clientKeyData": "hunter2"}}, "or a key alone", id="a key alone"),
        pytest.param(
            {"status": {"token": "hunter2", "expirationTimestamp": "soon"}}, "no ExecC", id="no time"
        ),
        pytest.param(
            {"status": {"token": "hunter2", "expirationTimestamp": "2026-01-01T00:00:00"}},
            "no ExecC",
            id="no zone",
        ),
    ],
)
def test_answers_that_are_none(change: dict[str, Any], complaint: str) -> None:
    answer = {"kind": "ExecCredential", "apiVersion": VERSION, "status": {"token": "hunter2"}} | change
    with pytest.raises(KubeConfigError, match=complaint) as caught:
        parse_credential(plugin("p"), json.dumps(answer).encode())

    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("answer", [b"", b"[]", b"{}", b"\xff", b"[" * 99999])
def test_no_answers(answer: bytes) -> None:
    with pytest.raises(KubeConfigError, match="no ExecCredential"):
        parse_credential(plugin("p"), answer)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def answering(*answers: Credential) -> tuple[Callable[[], Credential], list[Credential]]:
    left = list(answers)
    return lambda: left.pop(0), left


async def test_it_is_asked_again_before_the_end_and_after_a_refusal_only() -> None:
    clock = Clock()
    ask, left = answering(
        Credential(token="1", expires=1000.0), Credential(token="2", expires=None), Credential(token="3")
    )
    asked = PluginTokens(ask, None, now=clock)
    tokens = CachedToken(asked.current, reread=asked.renew, max_age=PLUGIN_MAX_AGE, clock=clock)

    async def at(now: float) -> str:
        clock.now = now
        return await tokens.authorization()

    assert [await at(0), await at(999 - RENEW_BEFORE), len(left)] == ["Bearer 1", "Bearer 1", 2]
    assert [await at(1000 - RENEW_BEFORE + PLUGIN_MAX_AGE), await at(10**9)] == ["Bearer 2", "Bearer 2"]
    assert await tokens.renew("Bearer 2")
    assert [await tokens.authorization(), left] == ["Bearer 3", []]


async def test_a_plugin_that_fails_later_leaves_the_last_token() -> None:
    clock = Clock()
    ask, _ = answering(Credential(token="1", expires=1000.0))
    asked = PluginTokens(ask, None, now=clock)
    tokens = CachedToken(asked.current, reread=asked.renew, max_age=PLUGIN_MAX_AGE, clock=clock)
    assert await tokens.authorization() == "Bearer 1"
    clock.now = 2000
    assert await tokens.authorization() == "Bearer 1"
    assert not await tokens.renew("Bearer 1")


def test_certificates_go_into_the_connection() -> None:
    loaded: list[bytes] = []

    class Tls:
        def renew(self, certificate: bytes, key: bytes) -> None:
            loaded.append(certificate + key)

    ask, _ = answering(Credential(certificate=CERT, key=KEY), Credential(certificate=CERT, key=KEY))
    tls: Any = Tls()
    asked = PluginTokens(ask, tls)

    assert asked.renew() == ""
    assert loaded == [CERT + KEY] * 2


def test_a_certificate_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    command = program(tmp_path, says(clientCertificateData=CERT.decode(), clientKeyData="hunter2"))
    user = {"exec": {"apiVersion": VERSION, "command": command}}
    with pytest.raises(KubeConfigError, match="client certificate") as caught:
        fetch_kubeconfig_access(str(kubeconfig(tmp_path, user=user)))

    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


def test_nothing_of_an_answer_is_shown() -> None:
    ask, _ = answering(Credential(token="hunter2", certificate=CERT, key=b"hunter2"))
    assert "hunter2" not in repr(ask()) + repr(plugin("p", args=("hunter2",), env={"A": "hunter2"}))
