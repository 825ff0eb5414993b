"""Recognises private keys in whatever a person pastes, so that they can be refused. Returns nothing of them."""

from __future__ import annotations

import base64
import binascii
import re

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_der_private_key

from certificates.x509 import der
from certificates.x509.problem import Problem

PRIVATE_KEY = Problem(
    "private_key",
    "The file contains a private key. Nothing of it was kept.",
    "Upload the certificate alone. Treat that key as exposed if it came by mail.",
)

_ARMOUR = re.compile(rb"BEGIN[A-Z0-9 ]{0,40} PRIVATE KEY|PuTTY-User-Key-File|Private-Lines:", re.IGNORECASE)
_JWK = (re.compile(rb"\\?[\"']kty\\?[\"']\s*:"), re.compile(rb"\\?[\"'][dkpq]\\?[\"']\s*:"))
_XML = (re.compile(rb"<RSAKeyValue", re.IGNORECASE), re.compile(rb"<(?:D|P|Q)>"))
_MICROSOFT = b"\x1e\xf1\xb5\xb0"
_HEADER = re.compile(
    # PKCS#8, PKCS#1 and SEC 1 begin with a version of 0 or 1; a request has that one level deeper.
    rb"\x30(?:[\x00-\x7f]|\x81.|\x82..)\x02\x01[\x00\x01][\x30\x02\x04]"
    # An encrypted PKCS#8 begins with its password-based algorithm (PKCS#5 or PKCS#12).
    rb"|\x30(?:[\x00-\x7f]|\x81.|\x82..)\x30(?:[\x00-\x7f]|\x81.)\x06[\x09\x0a]"
    rb"\x2a\x86\x48\x86\xf7\x0d\x01(?:\x05|\x0c\x01)",
    re.DOTALL,
)
_BLOCK = re.compile(
    rb"-----BEGIN ([A-Za-z0-9 #]+)-----(.*?)(?:-----END \1-----|(?=-----BEGIN )|\Z)", re.DOTALL
)
_BASE64 = re.compile(rb"[A-Za-z0-9+/]+={0,2}")
_BODY_LINE = 40
"""A word of base64 this long is a line of some body, so that the next one is no beginning."""


def holds_private_key(data: bytes) -> bool:
    """Say whether ``data`` holds a private key: armoured, bare, cut, encrypted, DER, JWK, PuTTY, XML or PVK.

    PKCS#12 is not looked into here: its reader is in ``material``.
    """
    # Without its zero bytes UTF-16 and UTF-32 read like plain text, whatever their order and mark.
    plain = data.replace(b"\0", b"")
    return (
        _ARMOUR.search(plain) is not None
        or all(part.search(plain) for part in _JWK)
        or all(part.search(plain) for part in _XML)
        or is_private_key(data)
        # Binary behind the last armour of a text.
        or is_private_key(data.rpartition(b"-----")[2].lstrip())
        or _bare(plain)
    )


def is_private_key(raw: bytes) -> bool:
    """Say whether the bytes begin with a private key, whole or cut, or hold one behind another DER value."""
    parts = der.sequences(raw)
    rest = raw[sum(map(len, parts)) :]
    return any(_loads(part) for part in (*parts, rest) if part)


def _loads(raw: bytes) -> bool:
    if raw.startswith(_MICROSOFT) or _HEADER.match(raw):
        return True
    try:
        load_der_private_key(raw, password=None)
    except (ValueError, UnsupportedAlgorithm):
        return False
    except TypeError:
        pass  # an encrypted private key is a private key
    return True


def _bare(text: bytes) -> bool:
    """Say whether base64 of a key stands in the text without armour, or under another label."""
    parts = [*(body for _, body in _BLOCK.findall(text)), _BLOCK.sub(b"\n", text)]
    # A body may be wrapped in lines too short to tell anything by.
    joined = [b"".join(part.split()) for part in parts]
    words = [word for part in parts for word in _beginnings(part)]
    return any(_begins_key(word) for word in (*joined, *words))


def _beginnings(text: bytes) -> list[bytes]:
    found, inside = [], False
    for word in re.split(rb"[\s\"'=:,;>|\\]+", text):
        body = _BASE64.fullmatch(word) is not None
        if body and not inside:
            found.append(word)
        inside = body and len(word) >= _BODY_LINE
    return found


def _begins_key(word: bytes) -> bool:
    if not word.startswith(b"M"):
        return False
    start = word[: len(word[:64]) // 4 * 4]
    try:
        return is_private_key(base64.b64decode(start, validate=True))
    except binascii.Error:
        return False
