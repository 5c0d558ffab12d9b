"""`python -m vaultbind.agent init|refresh`."""

import os
import sys
from collections.abc import Mapping
from functools import partial

from vaultbind.agent.broker import fetch_values, make_tls
from vaultbind.agent.config import parse_broker
from vaultbind.agent.program import run
from vaultbind.agent.work import Fetch


def make_fetch(environ: Mapping[str, str]) -> Fetch:
    """Ask the broker that the environment names. Raises AgentError."""
    broker = parse_broker(environ)
    return partial(fetch_values, broker, make_tls(broker.ca))


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:], os.environ, make_fetch, "vaultbind.agent"))
