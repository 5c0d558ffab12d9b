import pytest

from tests.unit.rendering.objects import spec_of
from vaultbind.api.binding import SecretSource, TlsEntry
from vaultbind.api.conditions import Reason
from vaultbind.rendering.keys import MAX_BYTES, check_keys, check_size, is_key

A = SecretSource(name="a")


@pytest.mark.parametrize("key", ["a", "A-b_c.9", ".dockerconfigjson", "a..b", "-", "k" * 253])
def test_keys_that_a_secret_may_have(key: str) -> None:
    assert is_key(key)
    assert check_keys(spec_of((key, A))) == ()


@pytest.mark.parametrize("key", ["", ".", "..", "..a", "a b", "a/b", "ä", "a\n", "k" * 254])
def test_keys_that_no_secret_may_have(key: str) -> None:
    assert not is_key(key)
    (problem,) = check_keys(spec_of((key, A)))
    assert (problem.reason, problem.entry) == (Reason.INVALID_SPEC, key)


@pytest.mark.parametrize("key", ["tls.crt", "tls.key", "ca.crt"])
def test_a_key_given_by_data_and_by_tls(key: str) -> None:
    (problem,) = check_keys(spec_of((key, A), ("other", A), tls=(TlsEntry(name="t"),)))
    assert str(problem) == f"{key}: more than one entry gives this key"
    assert problem.reason is Reason.INVALID_SPEC


def test_a_key_given_twice() -> None:
    assert [problem.entry for problem in check_keys(spec_of(("x", A), ("y", A), ("x", A)))] == ["x"]
    double = check_keys(spec_of(tls=(TlsEntry(name="s"), TlsEntry(name="t"))))
    assert [problem.entry for problem in double] == ["tls.crt", "tls.key", "ca.crt"]


def test_size_counts_values_only() -> None:
    assert check_size({"a" * 100: bytes(MAX_BYTES - 1), "b": b"1"}) == ()
    (problem,) = check_size({"a": bytes(MAX_BYTES), "b": b"1"})
    assert (problem.reason, problem.entry) == (Reason.VALUE_TOO_LARGE, "")
    assert str(problem) == "the values have 1048577 bytes together, a Secret holds at most 1048576"
