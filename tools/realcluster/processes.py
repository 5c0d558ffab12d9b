"""The cluster's processes: started with a log file each, awaited with a deadline, stopped in order."""

import contextlib
import secrets
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path

START_SECONDS = 150.0
STOP_SECONDS = 2.0
END_SECONDS = 60.0
"""For the end of what was killed: a busy machine takes its time to clear a large process away."""
POLL_SECONDS = 0.05


class ClusterError(Exception):
    """The cluster did not start or refused a call; the message ends with the tail of the log concerned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One running process and its log."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def stop(self) -> None:
        """End it by its pid: politely, then not (an API server waits for its watchers)."""
        if self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(END_SECONDS)

    def tail(self, lines: int = 15) -> str:
        """Last lines of the log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


class Reaper:
    """Ends the processes that it was told of when ours is gone, however it went (SIGKILL included)."""

    def __init__(self) -> None:
        """Start a shell that waits for the end of its input: each line replaces the list of pids."""
        script = 'while read -r line; do pids=$line; done; test -z "$pids" || kill -9 $pids'
        self._process = subprocess.Popen(
            ["sh", "-c", script], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
        )

    def watch(self, pids: Iterable[int]) -> None:
        """Replace the list of processes to end."""
        if self._process.stdin is not None:
            self._process.stdin.write(f"{' '.join(map(str, pids))}\n".encode())
            self._process.stdin.flush()

    def close(self) -> None:
        """Leave everybody alone."""
        self.watch(())
        self._process.communicate(timeout=END_SECONDS)


def start(name: str, command: Sequence[str | Path], *, log_folder: Path, folder: Path) -> Server:
    """Start one process with its output in `<name>.log` and its working directory in `folder`."""
    log_folder.mkdir(parents=True, exist_ok=True)
    log = log_folder / f"{name}.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [str(part) for part in command],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # a Ctrl-C at the terminal is ours to handle: etcd must not go first
        )
    return Server(name=name, process=process, log=log)


def wait_until(ready: Callable[[], bool], server: Server, *, seconds: float = START_SECONDS) -> None:
    """Poll until `ready`; raise ClusterError when the process ends or the time is up."""
    deadline = time.monotonic() + seconds
    while not ready():
        if server.process.poll() is not None:
            raise ClusterError(
                f"{server.name} ended with status {server.process.returncode}\n{server.tail()}"
            )
        if time.monotonic() > deadline:
            raise ClusterError(f"{server.name} not ready after {seconds:.0f} s\n{server.tail()}")
        time.sleep(POLL_SECONDS)


PORTS = range(15_000, 30_000)
"""Below where Linux (32768) and macOS (49152) begin to give ports to outgoing connections."""


def is_answering(
    port: int, path: str, context: ssl.SSLContext | None = None, *, host: str = "127.0.0.1"
) -> bool:
    """Tell whether a GET on this machine answers 200."""
    connection = (
        HTTPSConnection(host, port, context=context, timeout=5)
        if context
        else HTTPConnection(host, port, timeout=5)
    )
    with contextlib.closing(connection), contextlib.suppress(OSError, HTTPException):
        connection.request("GET", path)
        return connection.getresponse().status == 200
    return False


def free_ports(count: int) -> list[int]:
    """Return ports that were free a moment ago, all different.

    None of those that the system gives to outgoing connections, and at random: several processes choose at
    once, and use theirs later.
    """
    found: set[int] = set()
    with contextlib.ExitStack() as stack:
        while len(found) < count:
            port = secrets.choice(PORTS)
            with contextlib.suppress(OSError):
                stack.enter_context(socket.socket()).bind(("127.0.0.1", port))
                found.add(port)
    return list(found)
