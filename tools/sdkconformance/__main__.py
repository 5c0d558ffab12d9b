"""Run the Azure SDK's own tests against the emulator.

    python -m tools.sdkconformance [SUITE...] [--premium] [--managed-hsm] [--all-versions] [--real-names]

Prints what failed and one line of counts per suite; the status is 0 only when every expected test passed
and none failed.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from tools.sdkconformance.environment import Environment, UnavailableError, ensure
from tools.sdkconformance.run import Options, expected_of, render_verdict, run_suite
from tools.sdkconformance.suites import SUITES, Suite


def main(arguments: Sequence[str]) -> int:
    chosen, options = _parse(arguments)
    try:
        environment = ensure()
    except UnavailableError as error:
        print(f"sdk-conformance: {error}", file=sys.stderr)
        return 2
    with ThreadPoolExecutor(max_workers=2) as pool:
        results = list(pool.map(lambda suite: _report(environment, suite, options), chosen))
    return 0 if all(results) else 1


def _parse(arguments: Sequence[str]) -> tuple[list[Suite], Options]:
    parser = argparse.ArgumentParser(prog="make sdk-conformance", description=__doc__)
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=f"of {', '.join(SUITES)} (default: all)")
    parser.add_argument("--premium", action="store_true", help="with HSM keys and key release")
    parser.add_argument("--managed-hsm", action="store_true", help="with the variants for a Managed HSM")
    parser.add_argument("--all-versions", action="store_true", help="every api version, not only the default")
    parser.add_argument("--real-names", action="store_true", help="a vault with a name of Azure's")
    parser.add_argument("--real-waits", action="store_true", help="wait as long as the SDK does")
    parser.add_argument("-k", metavar="EXPRESSION", help="only tests that match; nothing is expected then")
    parsed = parser.parse_args(arguments)
    unknown = [name for name in parsed.suites if name not in SUITES]
    if unknown:
        parser.error(f"no such suite: {', '.join(unknown)}")
    options = Options(
        fast=not parsed.real_waits,
        premium=parsed.premium,
        managed_hsm=parsed.managed_hsm,
        all_versions=parsed.all_versions,
        real_names=parsed.real_names,
        arguments=("-k", parsed.k) if parsed.k else (),
    )
    return [SUITES[name] for name in parsed.suites or SUITES], options


def _report(environment: Environment, suite: Suite, options: Options) -> bool:
    started = time.monotonic()
    outcome = run_suite(environment, suite, options)
    expected = frozenset[str]() if options.arguments else expected_of(suite, options)
    least = suite.goal_everywhere if options.all_versions and not options.arguments else 0
    is_well, lines = render_verdict(suite, outcome, expected, least)
    if not is_well:
        print(outcome.output)
    print("\n".join(lines), f"in {time.monotonic() - started:.0f} s", flush=True)
    return is_well


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
