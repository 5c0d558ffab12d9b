"""Every line that anybody logs, unredacted: what tests show on failure and search for secrets."""

import logging


class WorldLog(logging.Handler):
    """Keeps formatted lines with their tracebacks."""

    def __init__(self) -> None:
        super().__init__(logging.NOTSET)
        self.lines: list[str] = []
        self._levels = (logging.WARNING, logging.NOTSET)
        self.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line."""
        self.lines.append(self.format(record))

    def attach(self, level: int = logging.INFO) -> None:
        """Listen to everybody from `level` on, and to vaultbind in full."""
        self._levels = (logging.getLogger().level, logging.getLogger("vaultbind").level)
        logging.getLogger().addHandler(self)
        logging.getLogger().setLevel(level)
        logging.getLogger("vaultbind").setLevel(logging.DEBUG)

    def detach(self) -> None:
        """Leave the loggers as they were."""
        logging.getLogger().removeHandler(self)
        for name, level in zip((None, "vaultbind"), self._levels, strict=True):
            logging.getLogger(name).setLevel(level)

    def check(self) -> None:
        """Fail where the operator met an error that it has no word for: that is a bug."""
        bugs = [index for index, line in enumerate(self.lines) if "unexpected" in line]
        assert not bugs, "\n".join(self.lines[bugs[0] : bugs[0] + 3])
