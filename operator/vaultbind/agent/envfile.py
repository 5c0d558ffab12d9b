"""Pure: variables in the grammar of the kubelet's `fileKeyRef`, which is narrower than a shell's."""

from collections.abc import Sequence

from vaultbind.agent.errors import AgentError

LONGEST_LINE = 60_000
"""Bytes, name and quotes included: the kubelet gives up near 64 kB."""
LONGEST_VARIABLE = 131_000
"""Bytes of name and value: Linux starts no program with a longer one."""


def render_env_file(variables: Sequence[tuple[str, bytes, bool]]) -> tuple[bytes, tuple[str, ...]]:
    """Render (name, value, optional) rows; return the file and what was left out and why.

    Raises AgentError for the first value that cannot be carried and is not optional.
    """
    lines: list[bytes] = []
    left_out: list[str] = []
    for name, value, optional in variables:
        problem = problem_of(name, value)
        if not problem:
            lines.append(b"%s='%s'\n" % (name.encode(), value))
        elif optional:
            left_out.append(f"{name}: {problem}")
        else:
            raise AgentError(
                f"key {name} cannot be a variable: {problem}. Ways out: annotation "
                "vaultbind.dev/env-source: secret, vaultbind.dev/mode: files, or optional: true on the entry"
            )
    return b"".join(lines), tuple(left_out)


def problem_of(name: str, value: bytes) -> str:
    """Why the kubelet cannot carry a value as it is; empty where it can."""
    if not value:
        return "the kubelet takes an empty value for a missing one"
    for part, problem in (
        (b"'", "it holds a single quote, which the kubelet's env files cannot"),
        (b"\0", "it holds a zero byte, which no variable can"),
        (b"\r\n", "the kubelet would drop a carriage return before a line's end"),
    ):
        if part in value:
            return problem
    try:
        value.decode("utf-8")
    except UnicodeDecodeError:
        return "it is not text in UTF-8"
    if len(name) + len(value) > LONGEST_VARIABLE:
        return f"it is longer than {LONGEST_VARIABLE} bytes"
    if max(map(len, (b"%s='%s'" % (name.encode(), value)).split(b"\n"))) > LONGEST_LINE:
        return f"it has a line of more than {LONGEST_LINE} bytes"
    return ""
