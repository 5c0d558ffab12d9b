"""`python -m vaultbind.agent init|refresh`."""

import contextlib
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from types import FrameType

from vaultbind.agent.broker import fetch_values, make_tls
from vaultbind.agent.config import parse_config
from vaultbind.agent.errors import AgentError
from vaultbind.agent.work import Agent, log

TERMINATION_LOG = "/dev/termination-log"
LONGEST_TERMINATION = 4096
"""Bytes that the kubelet takes."""
STOPPED = 128 + signal.SIGTERM


class StoppedError(BaseException):
    """SIGTERM came; not an Exception, so that nothing on the way takes it for trouble."""


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run one mode; return the exit status."""
    signal.signal(signal.SIGTERM, _stop)
    if list(arguments) not in (["init"], ["refresh"]):
        log("usage: python -m vaultbind.agent init|refresh")
        return 2
    try:
        config = parse_config(environ)
        agent = Agent(config=config, fetch=partial(fetch_values, config, make_tls(config.ca)))
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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
