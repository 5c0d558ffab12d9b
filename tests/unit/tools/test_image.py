"""Which engine builds the image, and with what."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from tools.image import LOCAL_BASE, ImageError, find_engine, make_base, render_build


@pytest.mark.parametrize(
    ("there", "needs_buildah", "chosen"),
    [
        ({"docker", "podman", "buildah"}, False, "docker"),
        ({"podman", "buildah"}, False, "podman"),
        ({"buildah"}, False, "buildah"),
        ({"docker", "buildah"}, True, "buildah"),
    ],
)
def test_the_first_that_works_is_taken(there: set[str], needs_buildah: bool, chosen: str) -> None:
    assert find_engine(there.__contains__, needs_buildah=needs_buildah) == chosen


@pytest.mark.parametrize(
    ("there", "needs_buildah", "words"),
    [(set(), False, "no engine: docker, podman or buildah"), ({"docker"}, True, "--rootfs needs buildah")],
)
def test_without_any_the_reason_is_told(there: set[str], needs_buildah: bool, words: str) -> None:
    with pytest.raises(ImageError, match=words):
        find_engine(there.__contains__, needs_buildah=needs_buildah)


def test_docker_takes_the_base_of_the_dockerfile_unless_told() -> None:
    assert render_build("docker", "a:b", "", {}) == ["docker", "build", "--tag", "a:b", "."]
    assert render_build("podman", "a:b", "c", {})[-3:] == ["--build-arg", "BASE=c", "."]


def test_buildah_gets_the_settings_of_pip_and_no_other_variable(tmp_path: Path) -> None:
    environ = {"PIP_FIND_LINKS": str(tmp_path), "PIP_RETRIES": "3", "AZURE_CLIENT_SECRET": "x"}
    command = render_build("buildah", "a:b", LOCAL_BASE, environ)
    assert "--pull-never" in command
    assert [command[at + 1] for at, part in enumerate(command) if part == "--env"] == [
        "PIP_FIND_LINKS",
        "PIP_RETRIES",
    ]
    assert f"{tmp_path}:{tmp_path}:ro" in command
    assert "AZURE_CLIENT_SECRET" not in " ".join(command)


def test_a_base_is_made_of_a_folder(tmp_path: Path) -> None:
    seen: list[Sequence[str]] = []

    def run(command: Sequence[str]) -> str:
        seen.append(command)
        return "working-container"

    make_base(tmp_path, run)
    assert [command[1] for command in seen] == ["from", "copy", "commit", "rm"]
    assert seen[1][-3:] == ["working-container", str(tmp_path), "/"]
    assert seen[2][-1] == LOCAL_BASE
