from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vaultbind.agent.config import Config, Variable
from vaultbind.agent.errors import AgentError, RetryableError
from vaultbind.agent.work import Agent

TIMES: list[float] = []


class Clock:
    """Seconds that pass only while somebody waits."""

    def __init__(self, limit: float = 1e9) -> None:
        self.now = 0.0
        self.limit = limit
        self.waits: list[float] = []

    def __call__(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        if self.now + seconds > self.limit:
            raise KeyboardInterrupt
        self.waits.append(seconds)
        self.now += seconds


class Broker:
    """Answers in turn, the last one for ever."""

    def __init__(self, *answers: dict[str, bytes] | AgentError) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def __call__(self, binding: str) -> dict[str, bytes]:
        self.asked.append(binding)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, AgentError):
            raise answer
        return answer


def make_agent(
    tmp_path: Path, broker: Callable[[str], dict[str, bytes]], clock: Clock, **fields: Any
) -> Agent:
    signal = fields.pop("on_signal", lambda *_: "")
    given: dict[str, Any] = {"bindings": ("shop-db",), "files": tmp_path / "files", "deadline": 60.0}
    config = Config(**(given | fields))
    (tmp_path / "files").mkdir(exist_ok=True)
    return Agent(config=config, fetch=broker, clock=clock, pause=clock.pause, draw=lambda: 1.0, signal=signal)


def test_all_bindings_become_folders(tmp_path: Path) -> None:
    make_agent(tmp_path, Broker({"a": b"1"}), Clock(), bindings=("x", "y")).run_once()

    assert (tmp_path / "files/x/a").read_bytes() == b"1"
    assert (tmp_path / "files/y/a").read_bytes() == b"1"


def test_nothing_is_written_before_everything_is_there(tmp_path: Path) -> None:
    broker = Broker({"a": b"1"}, AgentError("refused"))
    with pytest.raises(AgentError, match="refused"):
        make_agent(tmp_path, broker, Clock(), bindings=("x", "y")).run_once()

    assert list((tmp_path / "files").iterdir()) == []


def test_trouble_that_passes_is_waited_out_longer_and_longer(tmp_path: Path) -> None:
    trouble = RetryableError("no answer")
    clock = Clock()
    make_agent(tmp_path, Broker(*[trouble] * 6, {"a": b"1"}), clock).run_once()

    assert clock.waits == [1.0, 2.0, 4.0, 8.0, 15.0, 15.0]


def test_the_brokers_own_wish_counts(tmp_path: Path) -> None:
    clock = Clock()
    make_agent(tmp_path, Broker(RetryableError("busy", 20.0), {"a": b"1"}), clock).run_once()

    assert clock.waits == [20.0]


def test_the_deadline_ends_it_with_the_last_trouble(tmp_path: Path) -> None:
    clock = Clock()
    with pytest.raises(AgentError, match="no answer; given up after 60 s"):
        make_agent(tmp_path, Broker(RetryableError("no answer")), clock).run_once()

    assert clock.now < 60.0


def test_a_refusal_ends_it_at_once(tmp_path: Path) -> None:
    clock = Clock()
    with pytest.raises(AgentError, match="may not"):
        make_agent(tmp_path, Broker(AgentError("may not")), clock).run_once()

    assert clock.waits == []


VARIABLES = (
    Variable(binding="shop-db", key="USER", optional=False),
    Variable(binding="shop-db", key="EXTRA", optional=True),
)


def test_variables_that_are_asked_for_and_no_others(tmp_path: Path) -> None:
    path = tmp_path / "variables"
    broker = Broker({"USER": b"me", "OTHER": b"it's"})
    make_agent(tmp_path, broker, Clock(), files=None, env_file=path, variables=VARIABLES).run_once()

    assert path.read_bytes() == b"USER='me'\n"


def test_an_optional_variable_that_cannot_be_carried_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "variables"
    broker = Broker({"USER": b"me", "EXTRA": b"it's"})
    make_agent(tmp_path, broker, Clock(), files=None, env_file=path, variables=VARIABLES).run_once()

    assert path.read_bytes() == b"USER='me'\n"
    told = capsys.readouterr().err
    assert "variable left out: EXTRA: it holds a single quote" in told
    assert "it's" not in told


def test_a_variable_that_is_gone_stops_the_pod(tmp_path: Path) -> None:
    fields = {"files": None, "env_file": tmp_path / "v", "variables": VARIABLES}
    with pytest.raises(AgentError, match="VaultBinding shop-db has no key USER any more"):
        make_agent(tmp_path, Broker({"EXTRA": b"x"}), Clock(), **fields).run_once()


def test_a_full_volume_is_told(tmp_path: Path) -> None:
    with pytest.raises(AgentError, match="a file cannot be written: No such file"):
        make_agent(tmp_path, Broker({"a": b"1"}), Clock(), files=tmp_path / "nowhere").run_once()


def test_refreshing_writes_and_signals_only_what_changed(tmp_path: Path) -> None:
    old, new = {"a": b"1"}, {"a": b"2"}
    told: list[tuple[str, str]] = []

    def on_signal(signal: str, process: str) -> str:
        told.append((signal, process))
        return "sent"

    broker, clock = Broker(old, old, new, AgentError("broken"), new), Clock(limit=61.0)
    fields = {"refresh": 10.0, "signal": "SIGHUP", "process": "nginx", "on_signal": on_signal}
    agent = make_agent(tmp_path, broker, clock, **fields)
    with pytest.raises(KeyboardInterrupt):
        agent.run_for_ever()

    assert clock.waits == [10.0] * 6
    assert told == [("SIGHUP", "nginx")] * 2
    assert (tmp_path / "files/shop-db/a").read_bytes() == b"2"


def test_refreshing_keeps_what_there_is_while_the_broker_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = Clock(limit=31.0)
    agent = make_agent(tmp_path, Broker({"a": b"1"}, RetryableError("no answer")), clock, refresh=10.0)
    with pytest.raises(KeyboardInterrupt):
        agent.run_for_ever()

    assert (tmp_path / "files/shop-db/a").read_bytes() == b"1"
    assert capsys.readouterr().err.count("no answer; what was written before is kept") == 2
