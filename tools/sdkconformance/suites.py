"""The three suites: which source distribution each comes from, which tests of it must pass."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
STANDIN = HERE / "standin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """One suite: `sha256` is that of its source distribution, `goal` how many of its tests must pass.

    `goal_everywhere`: how many with every api version, those that the default version leaves out included.
    """

    name: str
    version: str
    sha256: str
    goal: int
    goal_everywhere: int

    @property
    def project(self) -> str:
        """Name on the package index."""
        return f"azure-keyvault-{self.name}"

    @property
    def archive(self) -> str:
        """File name of the source distribution."""
        return f"azure_keyvault_{self.name}-{self.version}.tar.gz"

    def expected(self, variant: str = "") -> frozenset[str]:
        """Ids of the tests that must pass; `variant` is `premium` or `managed-hsm`: further ones."""
        name = f"{self.name}-{variant}" if variant else self.name
        return frozenset((HERE / "expected" / f"{name}.txt").read_text(encoding="utf-8").split())

    def deselected(self) -> tuple[str, ...]:
        """Ids of the tests that nobody is asked to pass; the file has the reasons."""
        lines = (HERE / "deselected.txt").read_text(encoding="utf-8").splitlines()
        rows = [line.split(maxsplit=2) for line in lines if not line.startswith("#")]
        return tuple(test for suite, test, _ in rows if suite == self.name)


SUITES = {
    suite.name: suite
    for suite in (
        Suite(
            name="secrets",
            version="4.12.0",
            sha256="435ea0abb5280baaad9553da7a19e73e1b581048783b852210352bfcb0316aff",
            goal=33,
            goal_everywhere=267,
        ),
        Suite(
            name="keys",
            version="4.11.3",
            sha256="abe258a46937ab69b148d1832150192f6a300578451d69304a0c3be24b9881aa",
            goal=84,
            goal_everywhere=540,
        ),
        Suite(
            name="certificates",
            version="4.12.0",
            sha256="ec5589c28889dce360d3ff9e9ec419db0fac4e127be1580f8a4a8e87384da4ea",
            goal=52,
            goal_everywhere=429,
        ),
    )
}


def digest_standin() -> str:
    """One hash over the stand-in's files: a test suite is as strict as its helpers are."""
    digest = hashlib.sha256()
    for path in sorted(STANDIN.rglob("*.py")):
        digest.update(f"{path.relative_to(STANDIN).as_posix()}\n".encode() + path.read_bytes())
    return digest.hexdigest()


def find_mistakes() -> list[str]:
    """What was changed without saying so: the stand-in, or how many tests are expected to pass."""
    known = (HERE / "standin.sha256").read_text(encoding="ascii").strip()
    mistakes = [
        f"expected/{suite.name}.txt must name {suite.goal} tests"
        for suite in SUITES.values()
        if len(suite.expected()) != suite.goal
    ]
    if digest_standin() != known:
        mistakes.append(
            f"the stand-in is not the one of standin.sha256; if that is meant, write {digest_standin()} there"
        )
    return mistakes
