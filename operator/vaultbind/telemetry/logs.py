"""One handler for the whole process: text for people, JSON for machines, both redacted."""

import json
import logging
import sys
import time
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final, TextIO

from vaultbind.telemetry.redaction import Redactor

_TAMED: Final[Mapping[str, int]] = {
    "kopf.objects": logging.WARNING,  # one line per event otherwise
    "kopf._core": logging.WARNING,
    "kopf": logging.INFO,  # its DEBUG lines print whole objects
    "azure": logging.WARNING,  # its INFO lines print requests
    "msal": logging.WARNING,
    "urllib3": logging.WARNING,
    "aiohttp.access": logging.CRITICAL + 1,
    "aiohttp": logging.WARNING,
    "asyncio": logging.WARNING,
}
"""Lowest level of loggers that are not ours, whatever level is asked for."""


class LogFormat(StrEnum):
    """`--log-format`."""

    TEXT = "text"
    JSON = "json"


def configure(
    log_format: LogFormat | str,
    level: str,
    *,
    stream: TextIO | None = None,
    redactor: Redactor | None = None,
) -> logging.Handler:
    """Send all logs to `stream` (default: standard error), and nowhere else; returns the handler.

    Raises ValueError for an unknown format or level.
    """
    number = logging.getLevelNamesMapping().get(level.upper())
    if number is None:
        raise ValueError(f"unknown log level {level!r}")
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.addFilter(RedactionFilter(redactor or Redactor()))
    handler.setFormatter(JsonFormatter() if LogFormat(log_format) is LogFormat.JSON else TextFormatter())
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(number)
    for name, lowest in _TAMED.items():
        logging.getLogger(name).setLevel(max(lowest, number))
    return handler


class RedactionFilter(logging.Filter):
    """Rewrites each record, its traceback included, so that formatters see redacted text only."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor
        self._formatter = logging.Formatter()

    def filter(self, record: logging.LogRecord) -> bool:
        """Redact in place; never drops a record."""
        record.msg = self._redactor.redact(_message(record))
        record.args = None
        if record.exc_info and not record.exc_text:
            record.exc_text = self._formatter.formatException(record.exc_info)
        record.exc_info = None
        if record.exc_text:
            record.exc_text = self._redactor.redact(record.exc_text)
        if record.stack_info:
            record.stack_info = self._redactor.redact(record.stack_info)
        return True


class TextFormatter(logging.Formatter):
    """`2026-01-31T12:00:00.123Z INFO vaultbind.engine message`; one line, but for tracebacks."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """The line. A line break in a message is shown as such: it could forge a line."""
        message = record.message.replace("\r", "\\r").replace("\n", "\\n")
        return f"{_stamp(record)} {record.levelname} {record.name} {message}"


class JsonFormatter(logging.Formatter):
    """One object per line: time, level, logger, message; where known, error, stack and Kopf's object."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line: dict[str, Any] = {
            "time": _stamp(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_text:
            line["error"] = record.exc_text
        if record.stack_info:
            line["stack"] = record.stack_info
        reference = getattr(record, "k8s_ref", None)
        if isinstance(reference, Mapping):
            parts = (reference.get(key) for key in ("kind", "namespace", "name"))
            line["object"] = "/".join(str(part) for part in parts if part)
        return json.dumps(line, ensure_ascii=False)


def _message(record: logging.LogRecord) -> str:
    """The message; a mistake in a log call must not print its arguments to standard error."""
    try:
        return record.getMessage()
    except Exception as error:  # noqa: BLE001 - formatting runs foreign __str__ methods
        return f"{record.msg!s} [arguments not shown: {type(error).__name__}]"


def _stamp(record: logging.LogRecord) -> str:
    seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
    return f"{seconds}.{int(record.msecs):03d}Z"
