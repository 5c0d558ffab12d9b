"""Whole renderings: each source, all or nothing, what `optional` forgives, and that no value leaks."""

import json
from base64 import b64encode
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.keyvault.certs.authority import issue, key_of, leaf, lower, pem_value, root, upper
from tests.unit.rendering.objects import (
    NOW,
    certificate,
    certificate_ref,
    certificate_secret,
    key,
    key_ref,
    only,
    rendered,
    secret,
    secret_ref,
    spec_of,
    usual_certificate,
)
from vaultbind.api.binding import (
    BindingSpec,
    CertificateSource,
    Decode,
    Include,
    Keep,
    PublicKeyFormat,
    PublicKeySource,
    SecretSource,
    Source,
    Target,
    Template,
    TlsEntry,
)
from vaultbind.api.conditions import Reason
from vaultbind.api.data_from import ExtractEntry, Rewrite
from vaultbind.api.refs import VaultObjectRef
from vaultbind.keyvault.certs import CertificateBundle, CertificateParseErrorKind, parse_bundle
from vaultbind.keyvault.types.jwk import JsonWebKey
from vaultbind.rendering.keys import MAX_BYTES
from vaultbind.rendering.problems import RenderProblem
from vaultbind.rendering.render import Rendered, render
from vaultbind.rendering.values import VaultValue

NUMBERS = key_of("public").public_key().public_numbers()
JWK = JsonWebKey(
    kid="https://kv.vault.azure.net/keys/k/1",
    kty="EC-HSM",
    crv="P-256",
    x=NUMBERS.x.to_bytes(32),
    y=NUMBERS.y.to_bytes(32),
)
SYMMETRIC = JsonWebKey(kid="https://kv.vault.azure.net/keys/k/1", kty="oct-HSM")
OFF_CURVE = JsonWebKey(kid="k", kty="EC", crv="P-256", x=bytes(31) + b"\x01", y=bytes(31) + b"\x01")
PROMISE = SecretSource(name="s")
LATER = NOW + timedelta(minutes=5)


def chain(name: str = "c", include: Include = Include.CHAIN) -> CertificateSource:
    return CertificateSource(name=name, include=include)


def problem_of(
    source: Source, value: VaultValue | None, ref: VaultObjectRef, *, optional: bool = False
) -> RenderProblem:
    entry = ("k", source, True) if optional else ("k", source)
    result = render(spec_of(entry), {ref: value}, now=NOW)
    assert isinstance(result, tuple), result
    (problem,) = result
    assert problem.entry == "k"
    return problem


# -- what comes out ---------------------------------------------------------------------------------


def test_a_secrets_whole_value() -> None:
    assert only(PROMISE, secret(' {"a": 1}\n'), secret_ref("s")) == b' {"a": 1}\n'


def test_a_property_is_decoded_after_it_was_found() -> None:
    source = SecretSource(name="s", property="db.pass", decode=Decode.BASE64)
    value = secret({"db": {"pass": b64encode(b"\x00\xff").decode()}})
    assert only(source, value, secret_ref("s")) == b"\x00\xff"


INCLUDED = {
    Include.CHAIN: pem_value(leaf(), lower(), upper()),
    Include.KEY: leaf().key_pem,
    Include.KEY_AND_CHAIN: leaf().key_pem + pem_value(leaf(), lower(), upper()),
    Include.CA: root().pem,
}


@pytest.mark.parametrize(("include", "expected"), INCLUDED.items())
def test_parts_of_a_certificate(include: Include, expected: str) -> None:
    assert only(chain(include=include), usual_certificate(), secret_ref("c")).decode() == expected


def test_the_leaf_comes_from_the_certificate_itself() -> None:
    source = chain(include=Include.LEAF)
    assert only(source, certificate(leaf().der), certificate_ref("c")).decode() == leaf().pem


def test_the_authority_is_the_topmost_intermediate_where_there_is_no_root() -> None:
    value = certificate_secret(leaf(), lower(), upper(), key=leaf())
    assert only(chain(include=Include.CA), value, secret_ref("c")).decode() == upper().pem


def test_tls_with_root() -> None:
    spec = spec_of(tls=(TlsEntry(name="c"),))
    assert rendered(spec, {secret_ref("c"): usual_certificate()}).data == {
        "tls.crt": pem_value(leaf(), lower(), upper()).encode(),
        "tls.key": leaf().key_pem.encode(),
        "ca.crt": root().pem.encode(),
    }


def test_tls_without_root_has_no_authority() -> None:
    spec = spec_of(tls=(TlsEntry(name="c"),))
    data = rendered(spec, {secret_ref("c"): certificate_secret(lower(), leaf(), key=leaf())}).data
    assert sorted(data) == ["tls.crt", "tls.key"]
    assert data["tls.crt"].decode() == pem_value(leaf(), lower())


def test_a_self_signed_certificate_is_its_own_authority() -> None:
    alone = issue("alone", ca=False)
    spec = spec_of(tls=(TlsEntry(name="c"),))
    data = rendered(spec, {secret_ref("c"): certificate_secret(alone, key=alone)}).data
    assert data["tls.crt"] == data["ca.crt"] == alone.pem.encode()


def test_a_public_key_as_pem() -> None:
    pem = only(PublicKeySource(name="k"), key(JWK), key_ref("k"))
    loaded = load_pem_public_key(pem)
    assert isinstance(loaded, ec.EllipticCurvePublicKey)
    assert loaded.public_numbers() == NUMBERS


def test_a_public_key_as_jwk_has_public_members_and_is_the_same_each_time() -> None:
    source = PublicKeySource(name="k", format=PublicKeyFormat.JWK)
    text = only(source, key(JWK), key_ref("k"))
    assert sorted(json.loads(text)) == ["crv", "kid", "kty", "x", "y"]
    assert text == only(source, key(JWK), key_ref("k"))


def test_data_and_tls_together_with_the_certificate_parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed = []

    def counting(value: str, content_type: str | None) -> CertificateBundle:
        parsed.append(content_type)
        return parse_bundle(value, content_type)

    monkeypatch.setattr("vaultbind.rendering.certificates.parse_bundle", counting)
    spec = spec_of(
        ("a", PROMISE), ("b", chain()), ("c", chain(include=Include.KEY)), tls=(TlsEntry(name="c"),)
    )
    data = rendered(spec, {secret_ref("s"): secret("x"), secret_ref("c"): usual_certificate()}).data
    assert list(data) == ["a", "b", "c", "tls.crt", "tls.key", "ca.crt"]
    assert len(parsed) == 1


def test_an_expired_object_is_rendered() -> None:
    assert only(PROMISE, secret("x", expires_on=NOW - timedelta(days=9)), secret_ref("s")) == b"x"


def test_an_object_is_valid_from_its_first_second() -> None:
    assert only(PROMISE, secret("x", not_before=NOW), secret_ref("s")) == b"x"


# -- what cannot be rendered ------------------------------------------------------------------------

SECRET = secret_ref("s")
BEHIND = secret_ref("c")
PROPERTY = SecretSource(name="s", property="a.b")
WRONG: dict[str, tuple[Source, VaultValue | None, VaultObjectRef, Reason, str]] = {
    "secret absent": (PROMISE, None, SECRET, Reason.OBJECT_NOT_FOUND, "the vault has no secret s"),
    "version absent": (
        SecretSource(name="s", version="1"),
        None,
        secret_ref("s", "1"),
        Reason.OBJECT_NOT_FOUND,
        "the vault has no secret s/1",
    ),
    "certificate absent": (chain(), None, BEHIND, Reason.OBJECT_NOT_FOUND, "the vault has no certificate c"),
    "leaf absent": (
        chain(include=Include.LEAF),
        None,
        certificate_ref("c"),
        Reason.OBJECT_NOT_FOUND,
        "the vault has no certificate c",
    ),
    "key absent": (
        PublicKeySource(name="k"),
        None,
        key_ref("k"),
        Reason.OBJECT_NOT_FOUND,
        "the vault has no key k",
    ),
    "secret disabled": (
        PROMISE,
        secret("x", enabled=False),
        SECRET,
        Reason.OBJECT_DISABLED,
        "secret s is disabled in the vault",
    ),
    "certificate disabled or pending": (
        chain(include=Include.LEAF),
        certificate(b"", enabled=False),
        certificate_ref("c"),
        Reason.OBJECT_DISABLED,
        "certificate c is disabled in the vault",
    ),
    "key disabled": (
        PublicKeySource(name="k"),
        key(JWK, enabled=False),
        key_ref("k"),
        Reason.OBJECT_DISABLED,
        "key k is disabled in the vault",
    ),
    "not yet valid": (
        PROMISE,
        secret("x", not_before=LATER),
        SECRET,
        Reason.OBJECT_NOT_YET_VALID,
        "secret s is not valid before 2026-11-24T12:05:00Z",
    ),
    "not JSON": (
        PROPERTY,
        secret("hunter2"),
        SECRET,
        Reason.PROPERTY_NOT_FOUND,
        "property a.b: secret s is not JSON",
    ),
    "no such property": (
        PROPERTY,
        secret({"a": {"hunter2": 1}}),
        SECRET,
        Reason.PROPERTY_NOT_FOUND,
        "property a.b: secret s has no such property",
    ),
    "property null": (
        PROPERTY,
        secret({"a": {"b": None}}),
        SECRET,
        Reason.PROPERTY_NOT_FOUND,
        "property a.b: secret s has null there",
    ),
    "long property": (
        SecretSource(name="s", property="p" * 1024),
        secret({}),
        SECRET,
        Reason.PROPERTY_NOT_FOUND,
        f"property {'p' * 100}...: secret s has no such property",
    ),
    "bad pointer": (
        SecretSource(name="s", property="/~"),
        secret({"hunter2": 1}),
        SECRET,
        Reason.INVALID_SPEC,
        "property /~: secret s cannot be asked so: in a JSON pointer `~` is followed by 0 or 1",
    ),
    "wrong encoding": (
        SecretSource(name="s", decode=Decode.HEX),
        secret("hunter2"),
        SECRET,
        Reason.DECODE_FAILED,
        "secret s cannot be decoded as Hex says",
    ),
    "no Unicode": (
        PROMISE,
        secret("hunter2\ud800"),
        SECRET,
        Reason.DECODE_FAILED,
        "secret s cannot be decoded as None says",
    ),
    "plain secret instead of a certificate": (
        chain(),
        secret(pem_value(leaf(), key=leaf()), content_type="application/x-pem-file"),
        BEHIND,
        Reason.NOT_A_CERTIFICATE,
        "the vault has a secret of that name, but no certificate c: bind it with `secret`",
    ),
    "unreadable certificate": (
        chain(),
        secret("hunter2!", managed=True),
        BEHIND,
        Reason.NOT_A_CERTIFICATE,
        f"certificate c cannot be read: {CertificateParseErrorKind.NOT_A_CERTIFICATE.value}",
    ),
    "unreadable leaf": (
        chain(include=Include.LEAF),
        certificate(b"hunter2"),
        certificate_ref("c"),
        Reason.NOT_A_CERTIFICATE,
        f"certificate c cannot be read: {CertificateParseErrorKind.NOT_A_CERTIFICATE.value}",
    ),
    "key not exportable": (
        chain(include=Include.KEY),
        certificate_secret(leaf(), lower()),
        BEHIND,
        Reason.KEY_NOT_EXPORTABLE,
        "certificate c has no exportable private key; its policy decides that when it is created",
    ),
    "key and chain not exportable": (
        chain(include=Include.KEY_AND_CHAIN),
        certificate_secret(leaf(), lower()),
        BEHIND,
        Reason.KEY_NOT_EXPORTABLE,
        "certificate c has no exportable private key; its policy decides that when it is created",
    ),
    "no authority": (
        chain(include=Include.CA),
        certificate_secret(leaf(), key=leaf()),
        BEHIND,
        Reason.NOT_A_CERTIFICATE,
        "certificate c holds no certificate of an authority",
    ),
    "symmetric key": (
        PublicKeySource(name="k"),
        key(SYMMETRIC),
        key_ref("k"),
        Reason.INVALID_SPEC,
        "key k is symmetric and has no public key",
    ),
    "impossible key": (
        PublicKeySource(name="k"),
        key(OFF_CURVE),
        key_ref("k"),
        Reason.VAULT_ERROR,
        "the vault's answer makes no valid public key of key k",
    ),
    "too large": (
        PROMISE,
        secret("x" * (MAX_BYTES + 1)),
        SECRET,
        Reason.VALUE_TOO_LARGE,
        "the values have 1048577 bytes together, a Secret holds at most 1048576",
    ),
}
FORGIVEN = frozenset(
    {
        "secret absent",
        "version absent",
        "certificate absent",
        "leaf absent",
        "key absent",
        "no such property",
        "property null",
        "long property",
        "no authority",
    }
)


@pytest.mark.parametrize("case", WRONG)
def test_a_problem_names_object_and_field_and_no_value(case: str) -> None:
    source, value, ref, reason, message = WRONG[case]
    result = render(spec_of(("k", source)), {ref: value}, now=NOW)
    assert isinstance(result, tuple), result
    (problem,) = result
    assert (problem.reason, problem.message) == (reason, message)
    assert problem.entry == ("" if case == "too large" else "k")
    assert problem.retry_at == (LATER if case == "not yet valid" else None)
    assert "hunter2" not in repr(problem)


@pytest.mark.parametrize("case", WRONG)
def test_optional_forgives_absence_and_nothing_else(case: str) -> None:
    source, value, ref, reason, _ = WRONG[case]
    if case in FORGIVEN:
        spec = spec_of(("k", source, True), ("other", SecretSource(name="o")))
        result = rendered(spec, {ref: value, secret_ref("o"): secret("x")})
        assert (dict(result.data), result.missing) == ({"other": b"x"}, ("k",))
    else:
        problems = render(spec_of(("k", source, True)), {ref: value}, now=NOW)
        assert isinstance(problems, tuple)
        assert [problem.reason for problem in problems] == [reason]


def test_tls_needs_a_private_key_and_optional_does_not_change_that() -> None:
    for optional in (False, True):
        spec = spec_of(tls=(TlsEntry(name="c", optional=optional),))
        result = render(spec, {BEHIND: certificate_secret(leaf(), lower())}, now=NOW)
        assert isinstance(result, tuple)
        assert [(problem.entry, problem.reason) for problem in result] == [("c", Reason.KEY_NOT_EXPORTABLE)]


def test_an_absent_optional_tls_is_left_out() -> None:
    spec = spec_of(("a", PROMISE), tls=(TlsEntry(name="c", optional=True),))
    result = rendered(spec, {SECRET: secret("x"), BEHIND: None})
    assert (dict(result.data), result.missing) == ({"a": b"x"}, ("c",))


def test_an_absent_required_tls_names_the_certificate() -> None:
    result = render(spec_of(tls=(TlsEntry(name="c"),)), {BEHIND: None}, now=NOW)
    assert isinstance(result, tuple)
    assert [str(problem) for problem in result] == ["c: the vault has no certificate c"]


def test_all_problems_are_told_and_nothing_is_rendered() -> None:
    spec = spec_of(("a", PROMISE), ("b", PROPERTY), ("c", SecretSource(name="o")), tls=(TlsEntry(name="c"),))
    values = {SECRET: secret("x"), secret_ref("o"): None, BEHIND: secret("y")}
    result = render(spec, values, now=NOW)
    assert isinstance(result, tuple)
    assert [(problem.entry, problem.reason) for problem in result] == [
        ("b", Reason.PROPERTY_NOT_FOUND),
        ("c", Reason.OBJECT_NOT_FOUND),
        ("c", Reason.NOT_A_CERTIFICATE),
    ]


def test_an_invalid_key_is_told_before_anything_is_read() -> None:
    result = render(spec_of(("a b", PROMISE)), {}, now=NOW)
    assert isinstance(result, tuple)
    assert [(problem.entry, problem.reason) for problem in result] == [("a b", Reason.INVALID_SPEC)]


def test_a_forgotten_or_mistaken_value_is_the_callers_error() -> None:
    with pytest.raises(KeyError):
        render(spec_of(("a", PROMISE)), {}, now=NOW)
    with pytest.raises(TypeError, match="secret s was given as Key"):
        render(spec_of(("a", PROMISE)), {SECRET: key(JWK)}, now=NOW)


def test_repr_shows_no_value() -> None:
    assert "hunter2" not in repr(rendered(spec_of(("a", PROMISE)), {SECRET: secret("hunter2")}))


@given(st.text(), st.sampled_from(Decode), st.none() | st.text(min_size=1, max_size=5))
def test_any_value_is_rendered_or_refused_without_an_exception(
    text: str, how: Decode, path: str | None
) -> None:
    source = SecretSource(name="s", property=path, decode=how)
    result = render(spec_of(("k", source)), {SECRET: secret(text)}, now=NOW)
    if path is None and how is Decode.NONE:
        assert not isinstance(result, tuple)
        assert result.data["k"] == text.encode()
    elif isinstance(result, tuple):
        assert [problem.entry for problem in result] == ["k"]


# -- entries of dataFrom ----------------------------------------------------------------------------


def extracted(
    *entries: ExtractEntry | TlsEntry, values: dict[str, dict[str, str]], data: tuple[str, ...] = ()
) -> Rendered:
    named = ((key, SecretSource(name="plain")) for key in data)
    spec = replace(spec_of(*named), data_from=entries)
    read = {secret_ref(name): secret(value) for name, value in values.items()}
    return rendered(spec, {secret_ref("plain"): secret("data"), **read})


def test_a_key_of_data_wins_and_then_the_later_entry() -> None:
    one, two = ExtractEntry(name="one"), ExtractEntry(name="two")
    values = {"one": {"a": "1", "b": "1", "c": "1"}, "two": {"b": "2", "c": "2"}}
    assert extracted(one, two, data=("c",), values=values).data == {"c": b"data", "a": b"1", "b": b"2"}
    assert extracted(two, one, values=values).data == {"a": b"1", "b": b"1", "c": b"1"}


def test_names_of_entries_are_not_told_unless_the_spec_has_them() -> None:
    found = extracted(ExtractEntry(name="one"), data=("b",), values={"one": {"a": "1", "b": "1"}})
    assert found.told == {"b"}
    assert "'a'" not in repr(found)


@pytest.mark.parametrize("template", [Template(data={"t": "x"}), Template(data={"t": "x"}, keep=Keep.ALL)])
def test_keys_of_templates_are_told(template: Template) -> None:
    spec = replace(
        spec_of(),
        target=Target(name="app", type="Opaque", template=template),
        data_from=(ExtractEntry(name="s"),),
    )
    found = rendered(spec, {secret_ref("s"): secret({"a": "1"})})
    assert found.told == {"t"}
    assert found.data.keys() == {"t", *(["a"] if template.keep is Keep.ALL else [])}


BAD_ENTRIES = [
    ("not JSON", "hush", Reason.EXTRACT_FAILED, "secret s is not JSON"),
    ("a bad name", {"a": "", "hu sh": ""}, Reason.INVALID_KEY_NAME, "secret s gives 1 of 2 entries a name"),
    ("the first bad name", {"a": "", "b": "", "..": "", "": ""}, Reason.INVALID_KEY_NAME, "first entry 3;"),
    ("too large", {"hush": "x" * (MAX_BYTES + 1)}, Reason.VALUE_TOO_LARGE, "the values have 1048577 bytes"),
]  # fmt: skip


@pytest.mark.parametrize("optional", [False, True])
@pytest.mark.parametrize(
    ("value", "reason", "message"), [row[1:] for row in BAD_ENTRIES], ids=[row[0] for row in BAD_ENTRIES]
)
def test_entries_that_cannot_be_had(value: object, reason: Reason, message: str, optional: bool) -> None:
    spec = replace(spec_of(), data_from=(ExtractEntry(name="s", optional=optional),))
    problems = render(spec, {secret_ref("s"): secret(value)}, now=NOW)
    assert isinstance(problems, tuple)
    (problem,) = problems
    assert problem.reason is reason
    assert message in str(problem)
    assert "hush" not in str(problem)


def test_an_extract_entry_whose_secret_is_missing() -> None:
    entry = ExtractEntry(name="s", optional=True)
    spec = replace(spec_of(("k", PROMISE, True)), data_from=(entry,))
    assert rendered(spec, {secret_ref("s"): None}).missing == ("k", "s")
    (problem,) = problems_of(
        replace(spec_of(), data_from=(replace(entry, optional=False),)), {secret_ref("s"): None}
    )
    assert (problem.reason, problem.entry) == (Reason.OBJECT_NOT_FOUND, "s")


def test_the_rewrites_of_all_sources_have_one_allowance() -> None:
    """Each of the two may do its work alone; a binding has 32 sources."""
    values: dict[VaultObjectRef, VaultValue | None] = {
        secret_ref(name): secret({"n" * 150: name}) for name in ("one", "two")
    }
    entries = [
        ExtractEntry(name=name, rewrite=(Rewrite(regexp="([0-9n]{1,30}){1,30}z|.", replacement=name[0]),))
        for name in ("one", "two")
    ]
    for entry in entries:
        assert rendered(replace(spec_of(), data_from=(entry,)), values).data.keys() == {entry.name[0] * 150}
    (problem,) = problems_of(replace(spec_of(), data_from=tuple(entries)), values)
    assert (problem.reason, problem.entry) == (Reason.INVALID_SPEC, "two")
    assert str(problem).startswith("two: the `rewrite` of secret two takes too long over 1 entries")


def test_the_type_needs_its_keys_when_only_the_vault_knows_them() -> None:
    target = Target(name="app", type="kubernetes.io/basic-auth")
    spec = replace(spec_of(), target=target, data_from=(ExtractEntry(name="s"),))
    assert rendered(spec, {secret_ref("s"): secret({"password": "p"})}).data == {"password": b"p"}
    (problem,) = problems_of(spec, {secret_ref("s"): secret({"hush": "p"})})
    assert problem.reason is Reason.TYPE_KEYS_MISSING
    assert (
        str(problem) == "type kubernetes.io/basic-auth needs key username or password, which no entry gives"
    )


def problems_of(
    spec: BindingSpec, values: dict[VaultObjectRef, VaultValue | None]
) -> tuple[RenderProblem, ...]:
    problems = render(spec, values, now=NOW)
    assert isinstance(problems, tuple)
    return problems
