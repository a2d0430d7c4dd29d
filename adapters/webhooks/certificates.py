"""Making and judging certificates: a private authority, and a server certificate signed by it (spec 10.8).

Layout, names and lifetimes are those of the reference, so that either controller accepts what the other left in the
Secret. Keys are RSA with 2048 bits in the PKCS#1 form. The clock is a parameter.
"""

import ipaddress
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from adapters.webhooks.tls import KeyPair

AUTHORITY_NAME: Final = "lws-ca"
ORGANISATION: Final = "lws"
AUTHORITY_LIFETIME: Final = timedelta(days=10 * 365)
SERVER_LIFETIME: Final = timedelta(days=365)
LOOK_AHEAD: Final = timedelta(days=90)
"""A certificate that will have ended by then is replaced now."""

_CLOCK_SKEW: Final = timedelta(hours=1)
_KEY_BITS: Final = 2048
_COMMON_NAME_LENGTH_MAX: Final = 64


class ServerIdentity(msgspec.Struct, frozen=True, kw_only=True):
    """The names under which clients reach the server; the first DNS name is also the common name."""

    dns_names: tuple[str, ...]
    ip_addresses: tuple[str, ...] = ()

    @classmethod
    def of_service(cls, service: str, namespace: str) -> "ServerIdentity":
        """The one name by which the API server calls a Service."""
        return cls(dns_names=(f"{service}.{namespace}.svc",))


def make_authority(*, now: datetime) -> KeyPair:
    """A new certificate authority, valid from an hour ago for ten years."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=_KEY_BITS)
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, AUTHORITY_NAME),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, ORGANISATION),
        ]
    )
    certificate = (
        _builder(key.public_key(), subject=name, issuer=name, now=now, lifetime=AUTHORITY_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return _pair(certificate, key)


def make_server_certificate(authority: KeyPair, identity: ServerIdentity, *, now: datetime) -> KeyPair:
    """A new server certificate for all names of the identity, valid from an hour ago for a year."""
    issuer = x509.load_pem_x509_certificate(authority.certificate)
    issuer_key = _rsa_key(authority.key)
    key = rsa.generate_private_key(public_exponent=65537, key_size=_KEY_BITS)
    common_name = (identity.dns_names or identity.ip_addresses)[0][:_COMMON_NAME_LENGTH_MAX]
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    certificate = (
        _builder(key.public_key(), subject=subject, issuer=issuer.subject, now=now, lifetime=SERVER_LIFETIME)
        .add_extension(x509.SubjectAlternativeName(_alternative_names(identity)), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
        .sign(issuer_key, hashes.SHA256())
    )
    return _pair(certificate, key)


def authority_is_usable(authority: KeyPair, *, at: datetime) -> bool:
    """Whether this is an authority with its key, valid at that time."""
    try:
        certificate = x509.load_pem_x509_certificate(authority.certificate)
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
        return constraints.ca and _is_valid(certificate, at) and _belongs(certificate, authority.key)
    except (ValueError, TypeError, x509.ExtensionNotFound):
        return False


def server_is_usable(server: KeyPair, authority: KeyPair, identity: ServerIdentity, *, at: datetime) -> bool:
    """Whether this is a pair signed by the authority, for at least the names of the identity, valid at that time."""
    try:
        certificate = x509.load_pem_x509_certificate(server.certificate)
        certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(authority.certificate))
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        wanted = _alternative_names(identity)
        return (
            _is_valid(certificate, at)
            and _belongs(certificate, server.key)
            and all(name in list(names) for name in wanted)
        )
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return False


def _builder(
    public_key: rsa.RSAPublicKey, *, subject: x509.Name, issuer: x509.Name, now: datetime, lifetime: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SKEW)
        .not_valid_after(now + lifetime)
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_encipherment=True,
        key_cert_sign=signs_certificates,
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _alternative_names(identity: ServerIdentity) -> Sequence[x509.GeneralName]:
    return [
        *(x509.DNSName(name) for name in identity.dns_names),
        *(x509.IPAddress(ipaddress.ip_address(address)) for address in identity.ip_addresses),
    ]


def _is_valid(certificate: x509.Certificate, at: datetime) -> bool:
    return certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc


def _belongs(certificate: x509.Certificate, key: bytes) -> bool:
    return _rsa_key(key).public_key() == certificate.public_key()


def _rsa_key(pem: bytes) -> rsa.RSAPrivateKey:
    key = serialization.load_pem_private_key(pem, password=None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ValueError("the private key is not an RSA key")
    return key


def _pair(certificate: x509.Certificate, key: rsa.RSAPrivateKey) -> KeyPair:
    return KeyPair(
        certificate=certificate.public_bytes(serialization.Encoding.PEM),
        key=key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        ),
    )
