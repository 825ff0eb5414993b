"""Certificates and requests no library would make any more: SHA-1, serial numbers below one, broken signatures."""

from __future__ import annotations

import warnings
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding

EC_SHA256, EC_SHA1 = bytes.fromhex("06082a8648ce3d040302"), bytes.fromhex("06072a8648ce3d0401")
RSA_SHA256, RSA_SHA1 = bytes.fromhex("06092a864886f70d01010b"), bytes.fromhex("06092a864886f70d010105")
SERIAL_ONE = bytes.fromhex("a003020102020101")


def with_serial(certificate: x509.Certificate, serial: int, key: Any) -> x509.Certificate:
    """Return the certificate, whose serial number must be 1, with one from -128 to 127, signed again."""
    wanted = SERIAL_ONE[:-1] + serial.to_bytes(1, "big", signed=True)
    der = _signed(certificate.tbs_certificate_bytes.replace(SERIAL_ONE, wanted), key)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return x509.load_der_x509_certificate(der)


def with_sha1(certificate: x509.Certificate, key: Any) -> x509.Certificate:
    """Return the certificate signed with SHA-1."""
    tbs = certificate.tbs_certificate_bytes
    # The algorithm's name is one byte shorter in the EC case, so its SEQUENCE and the whole shrink with it.
    tbs = tbs.replace(_wrapped(RSA_SHA256 + b"\x05\0"), _wrapped(RSA_SHA1 + b"\x05\0"))
    body = _body(tbs).replace(_wrapped(EC_SHA256), _wrapped(EC_SHA1))
    return x509.load_der_x509_certificate(_signed(_wrapped(body), key, hashes.SHA1()))


def request_with_sha1(request: x509.CertificateSigningRequest, key: rsa.RSAPrivateKey) -> bytes:
    """Return the DER of the request signed with SHA-1, as an old tool would."""
    return _signed(request.tbs_certrequest_bytes, key, hashes.SHA1())


def broken(item: x509.Certificate | x509.CertificateSigningRequest) -> bytes:
    """Return the DER with another last byte: whatever it says, nobody signed it."""
    der = bytearray(item.public_bytes(Encoding.DER))
    der[-1] ^= 1
    return bytes(der)


def _signed(tbs: bytes, key: Any, algorithm: hashes.HashAlgorithm | None = None) -> bytes:
    how, old = algorithm or hashes.SHA256(), algorithm is not None
    if isinstance(key, rsa.RSAPrivateKey):
        signature = key.sign(tbs, padding.PKCS1v15(), how)
        name = _wrapped((RSA_SHA1 if old else RSA_SHA256) + b"\x05\0")
    else:
        signature = key.sign(tbs, ec.ECDSA(how))
        name = _wrapped(EC_SHA1 if old else EC_SHA256)
    return _wrapped(tbs + name + _wrapped(b"\0" + signature, 0x03))


def _wrapped(content: bytes, tag: int = 0x30) -> bytes:
    length = len(content)
    if length < 128:
        return bytes([tag, length]) + content
    size = (length.bit_length() + 7) // 8
    return bytes([tag, 0x80 | size]) + length.to_bytes(size, "big") + content


def _body(value: bytes) -> bytes:
    return value[2 if value[1] < 128 else 2 + (value[1] & 0x7F) :]
