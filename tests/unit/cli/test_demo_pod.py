from copy import deepcopy
from typing import Any

import pytest

from tests.unit.injection.pods import make_pod
from vaultbind.cli.demo.pod_steps import INSTALLATION, check_pod, render_pod
from vaultbind.injection.facts import BindingKeys, Variable
from vaultbind.injection.mutate import mutate

KEYS = BindingKeys(variables=(Variable(name="username"), Variable(name="password")))


@pytest.fixture
def pod() -> dict[str, Any]:
    mutation = mutate(render_pod("shop"), INSTALLATION, {"shop-db": KEYS})
    assert mutation is not None
    return mutation.pod


def test_what_the_webhook_makes_is_as_expected(pod: dict[str, Any]) -> None:
    look = check_pod(pod)

    assert look.ok
    assert "variables username, password" in look.told


def test_each_part_that_is_missing_is_noticed(pod: dict[str, Any]) -> None:
    for part, problem in (
        ("env", "variables none"),
        ("volumeMounts", "no mount at /var/run/secrets/vaultbind"),
    ):
        broken = deepcopy(pod)
        del broken["spec"]["containers"][0][part]
        assert problem in check_pod(broken).problems[0]
    assert "init container" in check_pod(make_pod()).problems[0]
