"""Subjects and alternative names of certificates: from the text of policies, and back from a certificate."""

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from cryptography import x509
from cryptography.x509.oid import NameOID

from vaultbind.keyvault.simulation.policies import refuse

UPN: Final = x509.ObjectIdentifier("1.3.6.1.4.1.311.20.2.3")
"""Microsoft's user principal name, an OtherName that holds a UTF8String."""
WINDOWS_NAMES: Final = {
    "E": NameOID.EMAIL_ADDRESS,
    "S": NameOID.STATE_OR_PROVINCE_NAME,
    "G": NameOID.GIVEN_NAME,
    "SN": NameOID.SURNAME,
    "SERIALNUMBER": NameOID.SERIAL_NUMBER,
}
"""Short names of attributes that Windows writes beyond those of RFC 4514."""
UTF8_STRING: Final = 0x0C
MAX_SHORT_LENGTH: Final = 127

_PART: Final = re.compile(r'\s*([A-Za-z0-9.]+)\s*=\s*("(?:[^"\\]|\\.)*"|(?:[^,;+\\"]|\\.)*)\s*(?:[,;+]|$)')
_QUOTED_SPECIAL: Final = re.compile(r'([,;+"\\<>])')


def parse_subject(text: str) -> x509.Name:
    """Name of a text such as `CN=a.test, O="Shop, Inc."`; raises VaultProblem (BadParameter)."""
    try:
        return x509.Name.from_rfc4514_string(_rewritten(text), WINDOWS_NAMES)
    except ValueError:
        raise refuse("x509_props.subject") from None


def _rewritten(text: str) -> str:
    """The same name as RFC 4514 writes it: names in capitals, escapes for quotes, no blanks between."""
    parts, at = [], 0
    while at < len(text):
        found = _PART.match(text, at)
        if found is None:
            raise ValueError("not a list of attributes")
        value = found.group(2).strip()
        if value.startswith('"'):
            value = _QUOTED_SPECIAL.sub(r"\\\1", re.sub(r"\\(.)", r"\1", value[1:-1]))
        parts.append(f"{found.group(1).upper()}={value}")
        at = found.end()
    return ",".join(parts)


def parse_names(sans: Mapping[str, Any]) -> list[x509.GeneralName]:
    """Alternative names of a policy's `sans`; raises VaultProblem (BadParameter)."""
    names: list[x509.GeneralName] = []
    for kind, make in MAKERS.items():
        for text in sans.get(kind) or ():
            try:
                names.append(make(text))
            except ValueError:
                raise refuse(f"x509_props.sans.{kind}") from None
    return names


def parse_usages(oids: Sequence[str]) -> x509.ExtendedKeyUsage:
    """Extended key usages of a policy's `ekus`; raises VaultProblem (BadParameter)."""
    try:
        return x509.ExtendedKeyUsage([x509.ObjectIdentifier(oid) for oid in oids])
    except ValueError:
        raise refuse("x509_props.ekus") from None


def _upn(text: str) -> x509.OtherName:
    value = text.encode()
    if len(value) > MAX_SHORT_LENGTH:
        raise ValueError("longer than any user principal name")
    return x509.OtherName(UPN, bytes((UTF8_STRING, len(value))) + value)


MAKERS: Final[Mapping[str, Callable[[str], x509.GeneralName]]] = {
    "dns_names": x509.DNSName,
    "emails": x509.RFC822Name,
    "upns": _upn,
    "uris": x509.UniformResourceIdentifier,
    "ipAddresses": lambda text: x509.IPAddress(ipaddress.ip_address(text)),
}


def render_names(certificate: x509.Certificate) -> dict[str, list[str]]:
    """`sans` of a certificate as a policy shows them; empty when there are none or they can not be read."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return {}
    sans: dict[str, list[str]] = {}
    for kind, text in _texts(names):
        sans.setdefault(kind, []).append(text)
    return sans


def _texts(names: x509.SubjectAlternativeName) -> Iterator[tuple[str, str]]:
    for name in names:
        if isinstance(name, x509.DNSName):
            yield "dns_names", name.value
        elif isinstance(name, x509.RFC822Name):
            yield "emails", name.value
        elif isinstance(name, x509.UniformResourceIdentifier):
            yield "uris", name.value
        elif isinstance(name, x509.IPAddress):
            yield "ipAddresses", str(name.value)
        elif isinstance(name, x509.OtherName) and name.type_id == UPN:
            yield "upns", name.value[2:].decode(errors="replace")
