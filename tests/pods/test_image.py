"""The image as it runs: what it holds, asked of a container whose root filesystem could be written to."""

import json
from pathlib import Path

from tests.pods.stage import VAULT_NAMESPACE, PodStage
from tools import image_facts


def test_it_is_what_it_must_be(stage: PodStage) -> None:
    """The program that CI runs in the image, here in the vault's pod, which is of the same image."""
    program = Path(image_facts.__file__).read_text()
    asked = ("-n", VAULT_NAMESPACE, "exec", "-i", "shop", "--", "python3", "-")
    done = stage.cluster.kubectl(*asked, input=program, check=False)
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert image_facts.find_faults(facts) == []
    assert facts["program"] == "/opt/vaultbind/bin/vaultbind"
