"""Rebuilding a chain: aspects are leaf, order, roots, cross-signing, loops, what is left out."""

from datetime import timedelta

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.keyvault.certs.authority import START, Issued, issue, leaf, lower, root, upper
from vaultbind.keyvault.certs.chain import Chain, build_chain, public_key_of

ECDSA_SHA256 = bytes.fromhex("2a8648ce3d040302")
P256, UNKNOWN_CURVE = bytes.fromhex("2a8648ce3d030107"), bytes.fromhex("2a8648ce3d03017f")
UNKNOWN_ALGORITHM = bytes.fromhex("2a8648ce3d04037f")


def chain_of(*parts: Issued, key: Issued | None = None) -> Chain:
    chain = build_chain([part.certificate for part in parts], public_key_of(key.certificate) if key else None)
    assert chain is not None
    return chain


def certificates(*parts: Issued) -> tuple[x509.Certificate, ...]:
    return tuple(part.certificate for part in parts)


def with_unknown_signature(part: Issued) -> Issued:
    """The same certificate, signed by an algorithm that nobody knows."""
    der = part.der.replace(ECDSA_SHA256, UNKNOWN_ALGORITHM)
    return Issued(certificate=x509.load_der_x509_certificate(der), key=part.key)


def with_unknown_key(part: Issued) -> Issued:
    """The same certificate, its key on a curve that nobody knows."""
    return Issued(
        certificate=x509.load_der_x509_certificate(part.der.replace(P256, UNKNOWN_CURVE)), key=part.key
    )


@pytest.mark.parametrize("with_key", [True, False], ids=["key", "no key"])
def test_leaf_comes_first_and_the_root_apart(*, with_key: bool) -> None:
    chain = chain_of(root(), leaf(), upper(), lower(), key=leaf() if with_key else None)
    assert chain.leaf == leaf().certificate
    assert chain.intermediates == certificates(lower(), upper())
    assert chain.roots == certificates(root())
    assert chain.left_out == ()


@given(st.data())
def test_any_order_gives_the_same_chain(data: st.DataObject) -> None:
    twin = issue("upper", "other root")
    parts = [root(), upper(), lower(), leaf(), twin, issue("other root"), issue("stranger"), lower()]
    shuffled = data.draw(st.permutations(parts))
    with_key = data.draw(st.booleans())
    assert chain_of(*shuffled, key=leaf() if with_key else None) == chain_of(
        *parts, key=leaf() if with_key else None
    )


def test_unrelated_and_duplicate_certificates_are_not_in_the_chain() -> None:
    stranger = issue("stranger")
    chain = chain_of(lower(), leaf(), stranger, leaf(), lower(), key=leaf())
    assert (chain.leaf, *chain.intermediates) == certificates(leaf(), lower())
    assert chain.roots == ()
    assert chain.left_out == certificates(stranger)


def test_a_hole_ends_the_chain() -> None:
    chain = chain_of(root(), upper(), leaf(), key=leaf())
    assert chain.intermediates == ()
    assert chain.roots == ()
    assert set(chain.left_out) == set(certificates(root(), upper()))


def test_a_self_signed_leaf_is_its_own_root() -> None:
    alone = issue("alone", ca=False)
    chain = chain_of(alone, key=alone)
    assert (chain.leaf, chain.intermediates, chain.roots) == (
        alone.certificate,
        (),
        certificates(alone),
    )


def test_same_name_with_another_key_is_no_issuer() -> None:
    impostor = issue("lower", "upper", key="impostor", key_ids=False)
    chain = chain_of(leaf(), impostor, key=leaf())
    assert chain.intermediates == ()
    assert chain.left_out == certificates(impostor)


def test_of_two_cas_with_one_name_the_signer_is_taken() -> None:
    rekeyed = issue("lower", "upper", key="rekeyed", key_ids=False)
    child = issue("child", "lower", issuer_key="rekeyed", ca=False, key_ids=False)
    chain = chain_of(lower(), rekeyed, upper(), child, key=child)
    assert chain.intermediates == certificates(rekeyed, upper())


def test_of_cross_signed_twins_the_one_whose_issuer_is_at_hand_is_taken() -> None:
    twins = [issue("upper", f"absent {number}") for number in range(4)]
    chain = chain_of(*twins, upper(), root(), lower(), leaf(), key=leaf())
    assert chain.intermediates == certificates(lower(), upper())
    assert chain.roots == certificates(root())
    assert set(chain.left_out) == set(certificates(*twins))


def test_a_cross_signed_root_is_sent_for_those_who_trust_only_the_older_one() -> None:
    cross = issue("root", "older root")
    chain = chain_of(leaf(), lower(), upper(), root(), cross, issue("older root"), key=leaf())
    assert chain.intermediates == certificates(lower(), upper(), cross)
    assert chain.roots == certificates(issue("older root"), root())


def test_twins_of_equal_standing_are_chosen_by_the_later_end() -> None:
    longer = issue("upper", "root", days=40000)
    assert (
        chain_of(leaf(), lower(), upper(), longer, root(), key=leaf()).intermediates[1] == longer.certificate
    )


def test_cross_signed_loop_ends() -> None:
    a_by_b, b_by_a = issue("a", "b"), issue("b", "a")
    child = issue("loop leaf", "a", ca=False)
    chain = chain_of(a_by_b, b_by_a, child, key=child)
    assert chain.intermediates == certificates(a_by_b, b_by_a)
    assert chain.roots == ()


def test_a_loop_does_not_go_round_by_a_twin() -> None:
    a_by_b, b_by_a, a_by_c = issue("a", "b"), issue("b", "a"), issue("a", "c")
    child = issue("loop leaf", "a", ca=False)
    chain = chain_of(a_by_c, a_by_b, b_by_a, child, key=child)
    assert chain.intermediates == certificates(a_by_b, b_by_a)
    assert chain.left_out == certificates(a_by_c)


def test_a_loop_without_a_leaf_still_has_one() -> None:
    a_by_b, b_by_a = issue("a", "b"), issue("b", "a", start=START + timedelta(days=1))
    chain = chain_of(a_by_b, b_by_a)
    assert (chain.leaf, chain.intermediates) == (b_by_a.certificate, certificates(a_by_b))


def test_without_a_key_an_end_entity_is_rather_the_leaf_than_a_ca() -> None:
    later_ca = issue("later ca", start=START + timedelta(days=9))
    assert chain_of(later_ca, leaf(), lower()).leaf == leaf().certificate


def test_of_two_certificates_of_one_key_the_later_one_is_the_leaf() -> None:
    renewed = issue("leaf", "lower", ca=False, start=START + timedelta(days=9))
    chain = chain_of(leaf(), renewed, lower(), key=leaf())
    assert chain.leaf == renewed.certificate
    assert chain.left_out == certificates(leaf())


def test_of_two_certificates_of_one_key_the_one_with_an_issuer_is_the_leaf() -> None:
    temporary = issue("leaf", ca=False, start=START + timedelta(days=9))
    assert chain_of(temporary, leaf(), lower(), key=leaf()).leaf == leaf().certificate


def test_a_key_of_no_certificate_gives_no_chain() -> None:
    assert build_chain([leaf().certificate], public_key_of(root().certificate)) is None


def test_a_signature_that_cannot_be_judged_leaves_it_to_names_and_key_ids() -> None:
    odd = with_unknown_signature(leaf())
    assert chain_of(odd, lower(), key=odd).intermediates == certificates(lower())


def test_without_judgement_different_key_ids_refuse_an_issuer() -> None:
    odd = with_unknown_signature(leaf())
    rekeyed = issue("lower", "upper", key="rekeyed lower")
    assert chain_of(odd, rekeyed, key=odd).intermediates == ()


def test_without_judgement_absent_key_ids_speak_for_nobody() -> None:
    odd = with_unknown_signature(issue("plain", "lower", ca=False, key_ids=False))
    assert chain_of(odd, lower(), key=odd).intermediates == certificates(lower())
    odd = with_unknown_signature(leaf())
    plain = issue("lower", "upper", key_ids=False, days=5)
    assert chain_of(odd, plain, key=odd).intermediates == certificates(plain)


def test_a_proven_issuer_goes_before_an_unjudged_one() -> None:
    unjudged = with_unknown_key(issue("lower", "root", days=50000))
    assert chain_of(leaf(), unjudged, key=leaf()).intermediates == certificates(unjudged)
    assert chain_of(leaf(), unjudged, lower(), key=leaf()).intermediates == certificates(lower())


def test_extensions_that_cannot_be_read_count_as_absent() -> None:
    authority_id, subject_id = bytes.fromhex("0603551d23"), bytes.fromhex("0603551d0e")
    der = with_unknown_signature(leaf()).der.replace(authority_id, subject_id)  # twice the same one
    doubled = Issued(certificate=x509.load_der_x509_certificate(der), key=leaf().key)
    assert chain_of(doubled, lower(), key=doubled).intermediates == certificates(lower())


def test_a_key_of_unknown_kind_is_nobodys() -> None:
    odd = with_unknown_key(leaf())
    assert public_key_of(odd.certificate) == b""
    assert chain_of(odd).leaf == odd.certificate
    assert build_chain([odd.certificate], public_key_of(leaf().certificate)) is None
