"""Who a client's certificate is for, by the administrator's rule. The certificate has been verified."""

from __future__ import annotations

from datetime import UTC, datetime

from cryptography import x509
from cryptography.x509.oid import NameOID, ObjectIdentifier

from outgate.identity.evidence import Known, groups_of, plain
from outgate.model import Identity
from outgate.settings.identity import CertificateRule

_SUBJECT = {
    "subject.CN": NameOID.COMMON_NAME,
    "subject.UID": NameOID.USER_ID,
    "subject.OU": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "subject.O": NameOID.ORGANIZATION_NAME,
    "subject.emailAddress": NameOID.EMAIL_ADDRESS,
    "subject.serialNumber": NameOID.SERIAL_NUMBER,
}
_ALTERNATIVE: dict[str, type[x509.RFC822Name | x509.DNSName | x509.UniformResourceIdentifier]] = {
    "san.email": x509.RFC822Name,
    "san.dns": x509.DNSName,
    "san.uri": x509.UniformResourceIdentifier,
}
_UPN = ObjectIdentifier("1.3.6.1.4.1.311.20.2.3")  # Microsoft's user principal name ([MS-WCCE], 2.2.2.7.5)
_UTF8_STRING = 0x0C  # its DER tag


def named(certificate: x509.Certificate, rule: CertificateRule) -> Known | None:
    """The identity; None when the certificate does not say it, or says several."""
    user = _only(certificate, rule.user) if rule.user else None
    device = _only(certificate, rule.device) if rule.device else None
    if (rule.user and user is None) or (rule.user is None and device is None):
        return None
    groups = groups_of(_values(certificate, rule.groups)) if rule.groups else ()
    until = certificate.not_valid_after_utc
    return Known(Identity(user, groups, device), lambda: datetime.now(UTC) < until)


def _only(certificate: x509.Certificate, field: str) -> str | None:
    values = _values(certificate, field)
    return plain(values[0]) if len(values) == 1 else None


def _values(certificate: x509.Certificate, field: str) -> list[object]:
    if field in _SUBJECT:
        return [one.value for one in certificate.subject.get_attributes_for_oid(_SUBJECT[field])]
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return []
    if field == "san.upn":
        others = names.get_values_for_type(x509.OtherName)
        return [_utf8(one.value) for one in others if one.type_id == _UPN]
    kind = _ALTERNATIVE[field]
    return [name.value for name in names if isinstance(name, kind)]


def _utf8(der: bytes) -> str | None:
    """The text of a short DER UTF8String (X.690, 8.1.3.4: lengths below 128 are one byte)."""
    if len(der) < 2 or der[0] != _UTF8_STRING or der[1] != len(der) - 2:
        return None
    try:
        return der[2:].decode()
    except UnicodeDecodeError:
        return None
