"""Certificates of the test control plane: one authority, server certificates for loopback, and a signing key.

They live as long as the temporary folder. Deliberately absent: rotation, revocation, client certificates (the test
control plane knows its clients by token).
"""

import datetime
import ipaddress
from pathlib import Path
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

_LIFETIME: Final = datetime.timedelta(days=2)


class Authority(NamedTuple):
    """A certificate authority: its key, and its certificate as an object and in PEM."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def pem(self) -> bytes:
        """The certificate as clients want it in a ``caBundle`` or a CA file."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)


def make_authority(*, name: str = "lws-events-test-ca") -> Authority:
    """A new authority, valid for two days."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _subject(name)
    certificate = (
        _builder(subject=subject, issuer=subject, public_key=key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    return Authority(key, certificate)


def write_server_certificate(authority: Authority, directory: Path, *, hosts: tuple[str, ...]) -> tuple[Path, Path]:
    """Write ``tls.crt`` and ``tls.key`` for these DNS names and addresses; returns both paths."""
    key = ec.generate_private_key(ec.SECP256R1())
    names = x509.SubjectAlternativeName([_general_name(host) for host in hosts])
    certificate = (
        _builder(subject=_subject(hosts[0]), issuer=authority.certificate.subject, public_key=key.public_key())
        .add_extension(names, critical=False)
        .sign(authority.key, hashes.SHA256())
    )
    certificate_file, key_file = directory / "tls.crt", directory / "tls.key"
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    write_key(key, key_file)
    return certificate_file, key_file


def write_signing_key(path: Path) -> Path:
    """An RSA key for service account tokens."""
    write_key(rsa.generate_private_key(public_exponent=65537, key_size=2048), path)
    return path


def write_key(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, path: Path) -> None:
    """The private key in PEM, unencrypted, readable by its owner only."""
    path.touch(mode=0o600)
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
    )


def _builder(
    *, subject: x509.Name, issuer: x509.Name, public_key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + _LIFETIME)
    )


def _subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
