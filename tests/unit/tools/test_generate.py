"""`make verify` fails exactly when a generated file was not what its generator makes."""

import subprocess
from pathlib import Path

import pytest

from tools import generate

GENERATOR = "from pathlib import Path\nPath('page.md').write_text('right')\n"


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "gen_page.py").write_text(GENERATOR)
    monkeypatch.setattr(generate, "ROOT", tmp_path)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    return tmp_path


def commit(repository: Path) -> None:
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.com"]
    for command in (["init", "-q"], ["add", "."], [*identity, "commit", "-q", "-m", "test"]):
        subprocess.run(["git", *command], cwd=repository, check=True)


@pytest.mark.parametrize(
    ("committed", "status"),
    [
        pytest.param("right", 0, id="fresh"),
        pytest.param("old", 1, id="stale"),
        pytest.param(None, 1, id="missing"),
    ],
)
def test_verify(
    repository: Path, capfd: pytest.CaptureFixture[str], committed: str | None, status: int
) -> None:
    if committed is not None:
        (repository / "page.md").write_text(committed)
    commit(repository)
    assert generate.main() == status
    assert ("page.md was stale" in capfd.readouterr().err) == bool(status)


def test_a_generator_that_fails_is_a_failure(repository: Path) -> None:
    (repository / "tools" / "gen_page.py").write_text("raise SystemExit(3)")
    commit(repository)
    assert generate.main() == 1
