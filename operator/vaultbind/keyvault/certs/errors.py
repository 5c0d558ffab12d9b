"""The one error of this package: a kind and a sentence, never a part of what was read."""

from enum import Enum


class CertificateParseErrorKind(Enum):
    """What is wrong with a certificate's value; each member's value is its sentence."""

    UNSUPPORTED_CONTENT_TYPE = "the content type is neither that of a PFX nor that of PEM"
    NOT_A_CERTIFICATE = (
        "the value is neither a PFX, nor PEM, nor a DER certificate, or a part of it is damaged"
    )
    PASSWORD_PROTECTED = "the PFX or its key is protected by a password, or the PFX is damaged"  # noqa: S105 - a sentence about one
    UNREADABLE_KEY = "the private key is damaged or of an unsupported kind"
    TOO_MANY_CERTIFICATES = "the value holds more certificates than any chain needs"
    NO_CERTIFICATE = "the value holds no certificate"
    NO_PRIVATE_KEY = "the value holds no private key"
    KEY_MISMATCH = "the private key belongs to none of the certificates"


class CertificateParseError(ValueError):
    """A value that cannot be read as a certificate; `str()` is the kind's sentence and nothing else."""

    def __init__(self, kind: CertificateParseErrorKind) -> None:
        super().__init__(kind.value)
        self.kind = kind
