"""The program around an agent's work: its modes, its exit status, its last words."""

import contextlib
import resource
import signal
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType

from vaultbind.agent.config import parse_config
from vaultbind.agent.errors import AgentError
from vaultbind.agent.work import Agent, Fetch, log

TERMINATION_LOG = "/dev/termination-log"
LONGEST_TERMINATION = 4096
"""Bytes that the kubelet takes."""
STOPPED = 128 + signal.SIGTERM

MakeFetch = Callable[[Mapping[str, str]], Fetch]
"""From the environment to what fetches a binding's values. Raises AgentError."""


class StoppedError(SystemExit):
    """SIGTERM came; nothing on the way takes it for trouble, and no event loop keeps it for itself."""


def run(arguments: Sequence[str], environ: Mapping[str, str], make_fetch: MakeFetch, name: str) -> int:
    """Run one mode of the program called `name`; return the exit status."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a dump would leave values on the node's disk
    signal.signal(signal.SIGTERM, _stop)
    if list(arguments) not in (["init"], ["refresh"]):
        log(f"usage: python -m {name} init|refresh")
        return 2
    try:
        agent = Agent(config=parse_config(environ), fetch=make_fetch(environ))
        work = agent.run_for_ever if arguments[0] == "refresh" else agent.run_once
        work()
    except StoppedError:
        log("stopped")
        return STOPPED if arguments[0] == "init" else 0
    except AgentError as error:
        log(str(error))
        _leave_message(str(error), Path(environ.get("VAULTBIND_TERMINATION_LOG", TERMINATION_LOG)))
        return 1
    return 0


def _stop(_: int, __: FrameType | None) -> None:
    raise StoppedError


def _leave_message(text: str, path: Path) -> None:
    """For `kubectl describe pod`."""
    with contextlib.suppress(OSError):
        path.write_bytes(text.encode()[:LONGEST_TERMINATION])
