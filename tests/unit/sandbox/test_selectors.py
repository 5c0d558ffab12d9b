import pytest

from vaultbind.sandbox.builtin_kinds import EVENTS, SECRETS
from vaultbind.sandbox.errors import StatusError
from vaultbind.sandbox.selectors import build_matcher

LABELS = {"app": "a", "tier": "front", "x.dev/y": ""}
SELECTORS = {
    "": True,
    "app=a": True,
    "app==a": True,
    "app = a": True,
    "app=b": False,
    "app!=b": True,
    "app!=a": False,
    "none!=a": True,
    "none=": False,
    "app": True,
    "none": False,
    "!none": True,
    "! none": True,
    "!app": False,
    "app in (a,b)": True,
    "app in (b, c)": False,
    "app notin (b,c)": True,
    "none notin (b)": True,
    "none in (b)": False,
    "app=a,tier in (front,back),!none": True,
    "app=a,tier=back": False,
    "x.dev/y": True,
    "x.dev/y=": True,
}


@pytest.mark.parametrize(("selector", "matches"), SELECTORS.items(), ids=SELECTORS.keys())
def test_label_selectors(selector: str, matches: bool) -> None:
    assert build_matcher(selector, "", SECRETS)({"metadata": {"labels": LABELS}}) is matches


@pytest.mark.parametrize("selector", ["a=b=c", "a in b", "a in (b", "a b", "(a)", "=a"])
def test_bad_label_selectors(selector: str) -> None:
    with pytest.raises(StatusError) as caught:
        build_matcher(selector, "", SECRETS)

    assert caught.value.code == 400


FIELDS = {
    "metadata.name=s": True,
    "metadata.name==s": True,
    "metadata.name!=s": False,
    "metadata.name=t": False,
    "metadata.namespace=n": True,
    "metadata.namespace=n,metadata.name=t": False,
    "type=Opaque": True,
    "type!=Opaque": False,
}


@pytest.mark.parametrize(("selector", "matches"), FIELDS.items(), ids=FIELDS.keys())
def test_field_selectors(selector: str, matches: bool) -> None:
    document = {"metadata": {"name": "s", "namespace": "n"}, "type": "Opaque"}

    assert build_matcher("", selector, SECRETS)(document) is matches


def test_field_selectors_reach_into_objects() -> None:
    document = {"metadata": {}, "involvedObject": {"kind": "Secret"}}

    assert build_matcher("", "involvedObject.kind=Secret", EVENTS)(document)
    assert build_matcher("", "involvedObject.name=", EVENTS)(document)


@pytest.mark.parametrize("selector", ["data.x=1", "metadata.name"])
def test_bad_field_selectors(selector: str) -> None:
    with pytest.raises(StatusError) as caught:
        build_matcher("", selector, SECRETS)

    assert caught.value.code == 400
