import pytest

from tests.unit.rendering.objects import certificate_ref, key_ref, secret_ref, spec_of
from vaultbind.api.binding import CertificateSource, Include, PublicKeySource, SecretSource, Source, TlsEntry
from vaultbind.api.refs import VaultObjectRef
from vaultbind.rendering.wanted import known_as, name_of, ref_of, wanted

CASES: dict[str, tuple[Source | TlsEntry, VaultObjectRef]] = {
    "secret": (SecretSource(name="a", version="1"), secret_ref("a", "1")),
    "leaf": (CertificateSource(name="a", version="1", include=Include.LEAF), certificate_ref("a", "1")),
    "chain": (CertificateSource(name="a", version="1"), secret_ref("a", "1")),
    "key": (CertificateSource(name="a", include=Include.KEY), secret_ref("a")),
    "key and chain": (CertificateSource(name="a", include=Include.KEY_AND_CHAIN), secret_ref("a")),
    "CA": (CertificateSource(name="a", include=Include.CA), secret_ref("a")),
    "public key": (PublicKeySource(name="a", version="1"), key_ref("a", "1")),
    "tls": (TlsEntry(name="a", version="1"), secret_ref("a", "1")),
}


@pytest.mark.parametrize(("source", "ref"), CASES.values(), ids=CASES.keys())
def test_each_source_is_read_from_one_object(source: Source | TlsEntry, ref: VaultObjectRef) -> None:
    assert ref_of(source) == ref


@pytest.mark.parametrize(("source", "ref"), CASES.values(), ids=CASES.keys())
def test_a_certificate_is_known_as_one_whatever_is_read(
    source: Source | TlsEntry, ref: VaultObjectRef
) -> None:
    is_certificate = isinstance(source, CertificateSource | TlsEntry)
    assert known_as(source) == (certificate_ref(ref.name, ref.version) if is_certificate else ref)


NAMES = {
    "of a certificate": ([("a", CertificateSource(name="x"))], "certificate x"),
    "a secret": ([("a", SecretSource(name="x"))], "secret x"),
    "both": ([("a", SecretSource(name="x")), ("b", CertificateSource(name="x"))], "secret x"),
    "bound no more": ([], "secret x"),
}


@pytest.mark.parametrize(("entries", "told"), NAMES.values(), ids=NAMES.keys())
def test_the_name_of_a_secret_that_was_read(entries: list[tuple[str, Source]], told: str) -> None:
    assert name_of(spec_of(*entries), "secret", "x") == told


def test_each_object_is_wanted_once_in_the_specs_order() -> None:
    spec = spec_of(
        ("1", PublicKeySource(name="k")),
        ("2", SecretSource(name="b")),
        ("3", SecretSource(name="b", property="x")),
        ("4", SecretSource(name="b", version="1")),
        ("5", CertificateSource(name="a")),
        tls=(TlsEntry(name="a"), TlsEntry(name="c")),
    )
    refs = (key_ref("k"), secret_ref("b"), secret_ref("b", "1"), secret_ref("a"), secret_ref("c"))
    assert wanted(spec) == refs
