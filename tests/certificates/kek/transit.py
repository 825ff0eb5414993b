"""A small transit engine over real HTTP: derived AES-256-GCM keys, versions, rewrap, a token, and Vault's own words.

It speaks what Vault and OpenBao speak on these paths and shares no line with the provider.
"""

from __future__ import annotations

import base64
import http.server
import json
import os
import ssl
import threading
from dataclasses import dataclass, field
from typing import Any, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

TOKEN = "obviously-not-a-token-0123456789"


class Refused(Exception):
    """An answer that is not 200: its status and Vault's words."""

    def __init__(self, status: int, *errors: str) -> None:
        self.status, self.errors = status, list(errors)


@dataclass
class Key:
    """A transit key: one secret per version, and what ``transit/keys/<name>`` tells about it."""

    derived: bool = True
    kind: str = "aes256-gcm96"
    oldest: int = 1
    told: dict[str, Any] = field(default_factory=dict)
    secrets: list[bytes] = field(default_factory=lambda: [os.urandom(32)])

    def facts(self) -> dict[str, Any]:
        return {
            "type": self.kind,
            "derived": self.derived,
            "deletion_allowed": False,
            "latest_version": len(self.secrets),
            "min_decryption_version": self.oldest,
            "min_encryption_version": 0,
            "supports_encryption": True,
            "supports_derivation": True,
        } | self.told

    def encrypt(self, body: dict[str, str]) -> str:
        nonce, version = os.urandom(12), len(self.secrets)
        sealed = nonce + self._cipher(version, body).encrypt(nonce, base64.b64decode(body["plaintext"]), None)
        return f"vault:v{version}:{base64.b64encode(sealed).decode()}"

    def decrypt(self, body: dict[str, str]) -> str:
        head, colon, rest = body["ciphertext"].removeprefix("vault:v").partition(":")
        if not body["ciphertext"].startswith("vault:v") or not colon:
            raise Refused(400, "invalid ciphertext: no prefix")
        if int(head) > len(self.secrets):
            raise Refused(400, "invalid ciphertext: version is too new")
        if int(head) < self.oldest:
            raise Refused(400, "ciphertext or signature version is disallowed by policy (too old)")
        raw = base64.b64decode(rest)
        try:
            plain = self._cipher(int(head), body).decrypt(raw[:12], raw[12:], None)
        except InvalidTag:
            raise Refused(400, "cipher: message authentication failed") from None
        return base64.b64encode(plain).decode()

    def _cipher(self, version: int, body: dict[str, str]) -> AESGCM:
        secret = self.secrets[version - 1]
        if not self.derived:
            return AESGCM(secret)  # Vault ignores a context then, which is the trap
        if not body.get("context"):
            raise Refused(
                400, "missing 'context' for key derivation; the key was created using a derived key"
            )
        context = base64.b64decode(body["context"])
        return AESGCM(HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=context).derive(secret))


class TransitServer:
    """The engine on a loopback port. ``instead`` answers everything with one status, headers and body."""

    def __init__(self, *, certificate: str = "") -> None:
        self.keys: dict[str, Key] = {}
        self.asked: list[tuple[str, str]] = []
        self.tokens: list[str] = []
        self.token = TOKEN
        self.instead: tuple[int, dict[str, str], bytes] | None = None
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.address = f"http{'s' if certificate else ''}://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *problem: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def options(self, key: str = "harbor", **more: str) -> dict[str, str]:
        return {"vault_addr": self.address, "vault_key": key, "vault_token": TOKEN, **more}

    def answer(self, method: str, path: str, body: dict[str, str]) -> dict[str, Any]:
        *mount, verb, name = path.removeprefix("/v1/").split("/")
        if mount != ["transit"]:
            raise Refused(404, "no handler for route")
        key = self.keys.get(name)
        if (method, verb) == ("GET", "keys"):
            if key is None:
                raise Refused(404)
            return key.facts()
        if key is None:
            # A token that may update and not create: Vault does not make the key in passing.
            raise (
                Refused(403, "permission denied")
                if verb == "encrypt"
                else Refused(400, "encryption key not found")
            )
        if verb == "encrypt":
            return {"ciphertext": key.encrypt(body), "key_version": len(key.secrets)}
        if verb == "decrypt":
            return {"plaintext": key.decrypt(body)}
        if verb == "rewrap":
            return {"ciphertext": key.encrypt(body | {"plaintext": self._opened(key, body)})}
        raise Refused(404, "unsupported path")

    @staticmethod
    def _opened(key: Key, body: dict[str, str]) -> str:
        try:
            return key.decrypt(body)
        except Refused as refused:
            if "cipher: message authentication failed" not in refused.errors:
                raise
            # Vault takes this for a fault of its own when it rewraps, and not when it decrypts.
            told = "1 error occurred:\n\t* cipher: message authentication failed\n\n"
            raise Refused(500, told) from None

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                self._do({})

            def do_POST(self) -> None:
                self._do(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

            def _do(self, body: dict[str, str]) -> None:
                server.asked.append((self.command, self.path))
                server.tokens.append(self.headers.get("X-Vault-Token", ""))
                if server.instead:
                    return self._say(*server.instead)
                try:
                    if self.headers.get("X-Vault-Token") != server.token:
                        raise Refused(403, "permission denied")
                    status, told = 200, {"data": server.answer(self.command, self.path, body)}
                except Refused as refused:
                    status, told = refused.status, {"errors": refused.errors}
                self._say(status, {"Content-Type": "application/json"}, json.dumps(told).encode())

            def _say(self, status: int, headers: dict[str, str], body: bytes) -> None:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                pass

        return Handler
