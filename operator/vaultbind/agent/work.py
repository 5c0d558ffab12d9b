"""What the agent does: once before all other containers, or again and again beside them."""

import os
import sys
import time
from collections.abc import Callable, Mapping

from vaultbind.agent.config import Config
from vaultbind.agent.envfile import render_env_file
from vaultbind.agent.errors import AgentError, RetryableError
from vaultbind.agent.files import write_file, write_files
from vaultbind.agent.processes import send_signal

Fetch = Callable[[str], dict[str, bytes]]
"""Values of one binding, by name. Raises AgentError, RetryableError."""
FIRST_WAIT = 1.0
LONGEST_WAIT = 15.0


def log(message: str) -> None:
    """Write one line for `kubectl logs`."""
    sys.stderr.write(f"vaultbind agent: {message}\n")
    sys.stderr.flush()


def draw_share() -> float:
    """Draw a random number in [0, 1); the module for it would cost a megabyte."""
    return int.from_bytes(os.urandom(4), "big") / 2**32


class Agent:
    """One agent; `clock` is monotonic seconds, `draw` a random number in [0, 1)."""

    def __init__(
        self,
        *,
        config: Config,
        fetch: Fetch,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
        draw: Callable[[], float] = draw_share,
        signal: Callable[[str, str], str] = send_signal,
    ) -> None:
        self.config = config
        self.fetch = fetch
        self.clock = clock
        self.pause = pause
        self.draw = draw
        self.signal = signal

    def run_once(self) -> None:
        """Fetch and write everything within the deadline. Raises AgentError with the last trouble."""
        end = self.clock() + self.config.deadline
        wait = FIRST_WAIT
        while True:
            try:
                changed = self._pass()
            except RetryableError as error:
                delay = max(error.retry_after or 0.0, wait * (0.5 + self.draw() / 2))
                if self.clock() + delay >= end:
                    raise AgentError(f"{error}; given up after {self.config.deadline:g} s") from None
                log(f"{error}; will retry in {delay:.1f} s")
                self.pause(delay)
                wait = min(LONGEST_WAIT, wait * 2)
            else:
                log(f"{', '.join(self.config.bindings)}: {'written' if changed else 'nothing to write'}")
                return

    def run_for_ever(self) -> None:
        """Look again after each interval, a little scattered; keep what there is while that fails."""
        while True:
            self.pause(self.config.refresh * (0.9 + self.draw() / 10))
            try:
                changed = self._pass()
            except AgentError as error:
                log(f"{error}; what was written before is kept")
                continue
            if changed:
                log("new content was written")
                if self.config.signal:
                    log(self.signal(self.config.signal, self.config.process))

    def _pass(self) -> bool:
        """Fetch all, then write all; return whether anything changed. Raises AgentError, RetryableError."""
        values = {name: self.fetch(name) for name in self.config.bindings}
        variables = self._render_variables(values)
        try:
            return self._write(values, variables)
        except OSError as error:
            raise AgentError(f"a file cannot be written: {error.strerror}") from None

    def _render_variables(self, values: Mapping[str, Mapping[str, bytes]]) -> bytes | None:
        if self.config.env_file is None:
            return None
        rows = []
        for item in self.config.variables:
            value = values[item.binding].get(item.key)
            if value is not None:
                rows.append((item.key, value, item.optional))
            elif not item.optional:
                raise AgentError(f"VaultBinding {item.binding} has no key {item.key} any more")
        content, left_out = render_env_file(rows)
        for told in left_out:
            log(f"variable left out: {told}")
        return content

    def _write(self, values: Mapping[str, Mapping[str, bytes]], variables: bytes | None) -> bool:
        changed = False
        if self.config.files is not None:
            for name, data in values.items():
                changed |= write_files(self.config.files / name, data, self.config.file_mode)
        if self.config.env_file is not None and variables is not None:
            changed |= write_file(self.config.env_file, variables)
        return changed
