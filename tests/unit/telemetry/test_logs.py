import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from vaultbind.telemetry.logs import LogFormat, configure


@pytest.fixture(autouse=True)
def _untouched_logging() -> Iterator[None]:
    """Give back the root logger and all levels as they were."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    levels = {
        name: logger.level
        for name, logger in logging.Logger.manager.loggerDict.items()
        if isinstance(logger, logging.Logger)
    }
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name in logging.Logger.manager.loggerDict:
        logging.getLogger(name).setLevel(levels.get(name, logging.NOTSET))


def logged(log_format: str = "text", level: str = "info") -> io.StringIO:
    stream = io.StringIO()
    configure(log_format, level, stream=stream)
    return stream


def only_object(stream: io.StringIO) -> dict[str, Any]:
    [line] = stream.getvalue().splitlines()
    parsed: dict[str, Any] = json.loads(line)
    return parsed


log = logging.getLogger("vaultbind.test")


def test_a_line_of_text() -> None:
    stream = logged()
    log.info("hello %s", "world")

    assert stream.getvalue().endswith("Z INFO vaultbind.test hello world\n")
    assert len(stream.getvalue().split("Z ")[0]) == len("2026-01-31T12:00:00.123")


def test_a_line_of_json() -> None:
    stream = logged("json")
    log.warning("grüß %d", 1)
    line = only_object(stream)

    assert set(line) == {"time", "level", "logger", "message"}
    assert (line["level"], line["logger"], line["message"]) == ("warning", "vaultbind.test", "grüß 1")


def test_kopfs_object_is_named() -> None:
    stream = logged("json")
    reference = {"kind": "VaultBinding", "namespace": "shop", "name": "db", "uid": "u"}
    log.warning("x", extra={"k8s_ref": reference, "settings": object()})

    assert only_object(stream)["object"] == "VaultBinding/shop/db"


@pytest.mark.parametrize("log_format", list(LogFormat))
def test_secrets_are_redacted_wherever_they_stand(log_format: LogFormat) -> None:
    stream = logged(log_format)
    value = "hunter" + str(2)  # not a literal: tracebacks show lines of source
    try:
        raise ValueError(f"Authorization: Bearer {value}")
    except ValueError:
        log.exception("password=%s", value, stack_info=True)

    assert "hunter2" not in stream.getvalue()
    assert stream.getvalue().count("[redacted]") >= 2
    assert "ValueError" in stream.getvalue()


def test_a_traceback_in_json_has_a_field_of_its_own() -> None:
    stream = logged("json")
    try:
        raise ValueError("plain")
    except ValueError:
        log.exception("failed")
    line = only_object(stream)

    assert line["message"] == "failed"
    assert line["error"].endswith("ValueError: plain")


def test_a_secret_in_parts_of_arguments_is_redacted() -> None:
    stream = logged()
    log.info("headers %s", {"Authorization": "Bearer hunter2"})

    assert "hunter2" not in stream.getvalue()


def test_a_broken_log_call_shows_no_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    stream = logged()
    log.info("%d things", "hunter2")

    assert "arguments not shown" in stream.getvalue()
    assert "hunter2" not in stream.getvalue() + capsys.readouterr().err


def test_a_message_cannot_forge_a_line() -> None:
    stream = logged()
    log.info("name %s", "x\n2026-01-31 INFO all is well\r")

    assert len(stream.getvalue().splitlines()) == 1


@pytest.mark.parametrize(
    ("logger", "level", "told"),
    [
        pytest.param("vaultbind.x", logging.DEBUG, True, id="ours at DEBUG"),
        pytest.param("kopf.objects", logging.INFO, False, id="a line per event"),
        pytest.param("kopf.objects", logging.WARNING, True, id="Kopf's warnings"),
        pytest.param("kopf.clients", logging.DEBUG, False, id="anything of Kopf's at DEBUG"),
        pytest.param("kopf._core.reactor.processing", logging.DEBUG, False, id="bodies of objects"),
        pytest.param("azure.core.pipeline.policies.http_logging_policy", logging.INFO, False, id="requests"),
        pytest.param("aiohttp.access", logging.CRITICAL, False, id="access log"),
        pytest.param("urllib3.connectionpool", logging.DEBUG, False, id="urls"),
    ],
)
def test_even_debug_keeps_foreign_loggers_quiet(logger: str, level: int, told: bool) -> None:
    stream = logged(level="debug")
    logging.getLogger(logger).log(level, "something")

    assert told is ("something" in stream.getvalue())


def test_a_higher_level_holds_for_all() -> None:
    stream = logged(level="ERROR")
    logging.getLogger("kopf").warning("x")
    log.warning("x")

    assert stream.getvalue() == ""


def test_configured_twice_logs_once() -> None:
    logged()
    stream = logged()
    log.info("x")

    assert len(stream.getvalue().splitlines()) == 1


@pytest.mark.parametrize(("log_format", "level"), [("xml", "info"), ("text", "loud")])
def test_mistakes_are_refused(log_format: str, level: str) -> None:
    before = list(logging.getLogger().handlers)

    with pytest.raises(ValueError, match=r"xml|loud"):
        configure(log_format, level)

    assert logging.getLogger().handlers == before
