"""Who signed what, also with hashes the library refuses: SHA-1 must be told apart from a forgery."""

from __future__ import annotations

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

_OLD = {"sha1", "md5"}


def hash_name(signed: x509.Certificate | x509.CertificateSigningRequest) -> str:
    """Return the name of the hash in the signature, or of its whole algorithm where it has none."""
    try:
        algorithm = signed.signature_hash_algorithm
    except UnsupportedAlgorithm:
        algorithm = None
    return algorithm.name if algorithm is not None else algorithm_name(signed)


def algorithm_name(signed: x509.Certificate | x509.CertificateSigningRequest) -> str:
    """Return the signature algorithm's usual name, or its dotted number."""
    oid = signed.signature_algorithm_oid
    return oid.dotted_string if oid._name == "Unknown OID" else oid._name


def issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Say whether ``issuer``'s name and key stand behind ``certificate``."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        if certificate.issuer != issuer.subject:
            return False
        return _signed_the_old_way(certificate, certificate.tbs_certificate_bytes, issuer.public_key())
    return True


def self_signed(certificate: x509.Certificate) -> bool:
    """Say whether the certificate is signed by its own key."""
    return certificate.subject == certificate.issuer and issued_by(certificate, certificate)


def proves_possession(request: x509.CertificateSigningRequest) -> bool:
    """Say whether the request is signed by the key it asks a certificate for."""
    try:
        if request.is_signature_valid:
            return True
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return False
    return _signed_the_old_way(request, request.tbs_certrequest_bytes, request.public_key())


def _signed_the_old_way(
    signed: x509.Certificate | x509.CertificateSigningRequest, content: bytes, key: PublicKeyTypes
) -> bool:
    if hash_name(signed) not in _OLD:
        return False
    how = signed.signature_hash_algorithm
    assert how is not None  # noqa: S101 - it has a name
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signed.signature, content, padding.PKCS1v15(), how)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signed.signature, content, ec.ECDSA(how))
        else:
            return False
    except (ValueError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True
