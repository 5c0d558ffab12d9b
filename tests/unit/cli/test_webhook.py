import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from vaultbind.cli.webhook import webhook


@pytest.fixture(autouse=True)
def _same_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


FLAGS = ["--agent-image", "x", "--broker-url", "https://broker"]


def test_a_missing_certificate_is_told_with_the_next_step(tmp_path: Path) -> None:
    result = CliRunner().invoke(webhook, [*FLAGS, "--tls-dir", str(tmp_path)])

    assert result.exit_code == 1
    assert f"the certificate in {tmp_path} cannot be used: No such file or directory" in result.output
    assert "vaultbind run --serving-certificate" in result.output


def test_an_address_that_is_none(tmp_path: Path) -> None:
    result = CliRunner().invoke(webhook, [*FLAGS, "--listen", "nowhere"])

    assert result.exit_code == 2
    assert "'nowhere' is not HOST:PORT" in result.output


def test_the_image_has_to_be_named() -> None:
    assert "Missing option '--agent-image'" in CliRunner().invoke(webhook, []).output
