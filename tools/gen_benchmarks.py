"""Write `docs/benchmarks.md` from the figures in `bench/results/`: `python -m tools.gen_benchmarks`."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bench import agent, emulator, expiry, library
from bench.library_table import render_library_table
from bench.table import render_table

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "bench" / "results"
TARGET = ROOT / "docs" / "benchmarks.md"
HEAD = """# Benchmarks

`make bench` measures the operator as a process, on a real kube-apiserver with etcd and against the
emulator as vault, and writes `bench/results/*.json`. This page is generated from the committed files by
`make verify`.

- Writes and reads of the cluster are the API server's own `apiserver_request_total`, all of them but those
  that others make meanwhile; requests to the vault are the emulator's own statistics: the operator's
  counters are not asked.
- The *floor* is a bare loop that writes the same Secrets and statuses with the same client and account, in
  the same run, by turns with the operator, and beside the same watch by which the benchmark sees them
  Ready. Ratios to it travel from machine to machine; seconds do not. Two ratios stand in the operator's
  table: from the start of its process, when the bindings exist already, and from the first create, while it
  runs.
- For orientation, External Secrets Operator on such a machine: 103 s for 1,000 objects as shipped and 13.4 s
  tuned, with 4 writes and 3 reads each, then 1,050 vault requests and 1,050 writes in an idle minute.
- All processes share the machine's processors, API server and etcd included.
"""
NONE = "\nNo figures are committed yet: run `make bench` and commit what it writes.\n"


def render(results: Iterable[tuple[str, dict[str, Any]]]) -> str:
    """The page's text; `results` are pairs of file name and content."""
    sections = [_section(name, result) for name, result in results]
    return HEAD + ("".join(sections) or NONE)


def load() -> list[tuple[str, dict[str, Any]]]:
    """All results, by name. Raises ValueError where a file is not JSON."""
    return [(path.stem, json.loads(path.read_text("utf-8"))) for path in sorted(RESULTS.glob("*.json"))]


def _section(name: str, result: dict[str, Any]) -> str:
    if result.get("subject") == agent.SUBJECT:
        return _agent_section(name, result)
    if result.get("subject") == emulator.SUBJECT:
        return _emulator_section(name, result)
    if result.get("subject") == library.SUBJECT:
        return _library_section(name, result)
    if result.get("subject") == expiry.SUBJECT:
        return _expiry_section(name, result)
    head = f"{_origin(result)}, Kubernetes {result['machine']['kubernetes']}.\n"
    if "conditions" in result:
        return f"\n## {name}\n\n{head}{result['conditions']}\n\n{render_table(result)}\n"
    where = f"{head}{result['count']} bindings, {result['latency']} added to each vault request."
    return f"\n## {name}\n\n{where}\n\n{render_table(result)}\n"


def _origin(result: dict[str, Any]) -> str:
    """Of which commit, when and on what it was measured."""
    machine = result["machine"]
    return (
        f"Commit `{machine['commit']}`, {machine['date']}: {machine['processors']} processors, "
        f"Python {machine['python']}"
    )


def _agent_section(name: str, result: dict[str, Any]) -> str:
    where = (
        f"{_origin(result)}. `make bench ARGS=agent`: the program that the webhook puts into pods, "
        f"for one binding of {result['keys']} keys; a start is an init run with interpreter, TLS, requests "
        f"and files, the median of {agent.STARTS}."
    )
    return f"\n## {name}\n\n{where}\n\n{agent.render_table(result)}\n"


def _emulator_section(name: str, result: dict[str, Any]) -> str:
    where = (
        f"{_origin(result)}. `make bench ARGS=emulator`: one process over TLS, "
        f"{result['connections']} connections that are kept."
    )
    return f"\n## {name}\n\n{where}\n\n{emulator.render_table(result)}\n"


def _expiry_section(name: str, result: dict[str, Any]) -> str:
    figures = result["figures"]
    where = (
        f"{_origin(result)}. `make bench ARGS=expiry`: {figures['objects']} objects over "
        f"{figures['vaults']} vaults in one process."
    )
    return f"\n## {name}\n\n{where}\n\n{expiry.render_table(result)}\n"


def _library_section(name: str, result: dict[str, Any]) -> str:
    where = (
        f"{_origin(result)}. `make bench ARGS=library`: `vaultbind.keyvault` (ours) beside "
        "`azure-keyvault-secrets` with its defaults (sdk) and on our transport (sdk-tuned), over TLS against "
        f"the emulator on the same machine. Each figure is the median of {result['rounds']} rounds in which "
        "the clients took turns; CPU is that of the client's process alone."
    )
    return f"\n## {name}\n\n{where}\n\n{render_library_table(result)}\n"


def main() -> None:
    TARGET.write_text(render(load()), encoding="utf-8")


if __name__ == "__main__":
    main()
