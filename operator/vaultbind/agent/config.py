"""The agent's environment, as the webhook writes it (`vaultbind.injection.containers`)."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from vaultbind.agent.errors import AgentError


class Variable(NamedTuple):
    """A key of a binding that goes into the env file; an optional one may be missing.

    A named tuple, as all values here: dataclasses would be a tenth of the agent's memory.
    """

    binding: str
    key: str
    optional: bool


class Broker(NamedTuple):
    """Where values come from, and what shows who asks."""

    host: str
    port: int
    ca: str
    """PEM text; empty: the system's authorities."""
    token_file: Path


class Config(NamedTuple):
    """What one agent has to do. Paths are None where that kind is not wanted; times are seconds."""

    bindings: tuple[str, ...]
    deadline: float = 120.0
    files: Path | None = None
    file_mode: int = 0o444
    env_file: Path | None = None
    variables: tuple[Variable, ...] = ()
    refresh: float = 60.0
    signal: str = ""
    process: str = ""
    """Name of the process to signal; empty: the main process of every other container."""


def parse_broker(environ: Mapping[str, str]) -> Broker:
    """Read where the broker is. Raises AgentError for what is missing or wrong."""
    try:
        url = urlsplit(environ["VAULTBIND_BROKER"])
        if url.scheme != "https" or not url.hostname:
            raise AgentError("VAULTBIND_BROKER must be https://HOST:PORT")
        return Broker(
            host=url.hostname,
            port=url.port or 443,
            ca=environ.get("VAULTBIND_BROKER_CA", ""),
            token_file=Path(environ["VAULTBIND_TOKEN_FILE"]),
        )
    except KeyError as error:
        raise AgentError(f"{error.args[0]} is not set") from None
    except ValueError:
        raise AgentError("VAULTBIND_BROKER must be https://HOST:PORT") from None


def parse_config(environ: Mapping[str, str]) -> Config:
    """Read the environment, which the webhook wrote. Raises AgentError for what is missing or wrong."""
    try:
        signal, _, process = environ.get("VAULTBIND_ON_CHANGE", "none").partition(":")
        return Config(
            bindings=_split(environ["VAULTBIND_BINDINGS"]),
            deadline=float(environ.get("VAULTBIND_DEADLINE", "120")),
            files=_path(environ.get("VAULTBIND_FILES")),
            file_mode=int(environ.get("VAULTBIND_FILE_MODE", "0444"), 8),
            env_file=_path(environ.get("VAULTBIND_ENV_FILE")),
            variables=tuple(map(_parse_variable, _split(environ.get("VAULTBIND_VARIABLES", "")))),
            refresh=float(environ.get("VAULTBIND_REFRESH", "60")),
            signal="" if signal == "none" else signal,
            process=process,
        )
    except KeyError as error:
        raise AgentError(f"{error.args[0]} is not set") from None
    except ValueError as error:
        raise AgentError(f"the environment cannot be read: {error}") from None


def _split(text: str) -> tuple[str, ...]:
    return tuple(part for part in text.split(",") if part)


def _path(text: str | None) -> Path | None:
    return Path(text) if text else None


def _parse_variable(text: str) -> Variable:
    binding, _, key = text.removesuffix("?").partition("/")
    return Variable(binding=binding, key=key, optional=text.endswith("?"))
