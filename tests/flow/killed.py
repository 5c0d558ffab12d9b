"""`vaultbind run` that kills itself by SIGKILL, once, at one await of a package.

Arguments: module, line, column, moment (before or after), then the command line.
"""

import os
import signal
import sys
from dataclasses import dataclass

from tests.flow.await_points import Gate, Point, gated
from vaultbind.cli.main import main


@dataclass(slots=True)
class Cliff(Gate):
    """Nobody waits here: the process is gone, and with it all that it has not sent yet."""

    async def hold(self, module: str, place: str, moment: str) -> None:
        point = self.point
        assert point is not None
        if (point.module, f"{point.line}.{point.column}", self.moment) == (module, place, moment):
            os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    module, line, column, moment, *arguments = sys.argv[1:]
    cliff = Cliff(point=Point(module, int(line), int(column)), moment=moment)
    with gated(module.rpartition(".")[0], cliff):
        main(arguments)
